import { LatteFlowError, normalNoise, throwIfAborted, type OnProgress } from '@latte-flow/core';
import { isPacked, packedParts, webgpuDevice, type PackedWeight, type Weight } from '@latte-flow/runtime';
import { dispose, fill, reshape, slice, tensor2d, tidy, type Tensor, type Tensor2D } from '@tensorflow/tfjs-core';

import { kernelFeatures } from '../kernel/selection.ts';
import { MAX_FEW_ROWS } from './few-rows.ts';
import { matrixUnit } from './matrix-unit.ts';
import { canBeCut, chooseCut, usableTilings, type ProductCut } from './tiling.ts';
import { adapterName, classOf, keepTuning, tilingName, type TunableProduct } from './tuning-table.ts';
import { runCut, usesMatrixUnit } from './webgpu.ts';

export interface TuneOptions {
  readonly signal?: AbortSignal;
  /** Stage `tune`, a step for each product. */
  readonly onProgress?: OnProgress;
}

/** What was found for one class of products. */
export interface TunedProduct {
  readonly product: TunableProduct;
  readonly tiling: string;
  readonly pieces: number;
  /** Milliseconds of one product, and with the choice that is made without measuring. */
  readonly ms: number;
  readonly untunedMs: number;
}

/** Into how many pieces the inner axis is tried to be cut. */
const PIECES = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
/** What pieces write, as a multiple of what the product reads: beyond, adding them up takes longer than the product. */
const MOST_MOVED = 4;
/** A round takes at least this long, so that its one wait does not count. */
const ROUND_MS = 10;
const MAX_REPETITIONS = 200;
const ROUNDS = 3;
/** A device that was idle takes this long to reach its clock rate. */
const AWAKE_MS = 150;
/** How much faster than the untuned choice another has to be. */
const MARGIN = 0.97;

/**
 * Measures every way of cutting these products on the current WebGPU device, and keeps the fastest for all products of their class from
 * then on. `exportTuning` gives what is known, `importTuning` takes it on the next start. Equal inputs give equal bits
 * before and after it, but not the same ones: a product's sums are added up in another order.
 *
 * @returns one for each class, in the order of its first product
 * @throws LatteFlowError `backend-unavailable` on another backend; the signal's reason, with what was measured kept
 */
export async function tuneProducts(
  products: readonly TunableProduct[],
  { signal, onProgress }: TuneOptions = {},
): Promise<TunedProduct[]> {
  const device = webgpuDevice();
  const features = kernelFeatures();
  if (device === undefined || features === undefined) {
    throw new LatteFlowError('backend-unavailable', {
      where: 'tuneProducts',
      expected: 'kernels on the WebGPU backend',
      got: 'another backend, or none of them chosen',
      remedy: "Call bootBackend({ device: 'webgpu' }) first.",
    });
  }
  const classes = new Map<string, TunableProduct>();
  for (const product of products) {
    if (product.m <= MAX_FEW_ROWS) continue; // a kernel of its own, without a choice
    const key = classOf(product, usesMatrixUnit(product, features) ? matrixUnit(device) : undefined);
    if (!classes.has(key)) classes.set(key, product);
  }
  const tuned: TunedProduct[] = [];
  for (const [key, product] of classes) {
    throwIfAborted(signal);
    const unit = usesMatrixUnit(product, features) ? matrixUnit(device) : undefined;
    const untuned = chooseCut(product, device, unit);
    const cuts = usableTilings(device, unit).flatMap((tiling) =>
      piecesOf(product, tiling.depth).map((pieces) => ({ ...tiling, pieces })),
    );
    const best = await fastest(product, { untuned, cuts, signal });
    keepTuning(adapterName(device), key, { tiling: best.tiling, pieces: best.pieces });
    tuned.push({ product, ...best });
    onProgress?.({ stage: 'tune', step: tuned.length, steps: classes.size });
  }
  return tuned;
}

/** Numbers of pieces that are at least two depths long, whose results are worth writing. */
function piecesOf({ m, n, k }: TunableProduct, depth: number): number[] {
  const worthIt = (pieces: number): boolean =>
    k / pieces >= 2 * depth && pieces * m * n <= MOST_MOVED * (m * k + n * k);
  return PIECES.filter((pieces) => pieces === 1 || (worthIt(pieces) && canBeCut({ m, n }, pieces)));
}

async function fastest(
  product: TunableProduct,
  { untuned, cuts, signal }: { untuned: ProductCut; cuts: readonly ProductCut[]; signal?: AbortSignal },
): Promise<Omit<TunedProduct, 'product'>> {
  const { m, n, k, transposeA } = product;
  const a = noise(transposeA ? [k, m] : [m, k]);
  const b = weightOf(product);
  const timeOf = (cut: ProductCut): Promise<number> =>
    clock(() => runCut(a, [b], { task: product, sizes: { m, ns: [n], k }, cut })[0]!, signal);
  try {
    for (const began = performance.now(); performance.now() - began < AWAKE_MS;) await timeOf(untuned);
    let best = { cut: untuned, ms: Infinity };
    for (const cut of cuts) {
      const ms = await timeOf(cut);
      if (ms < best.ms) best = { cut, ms };
    }
    // Once more side by side.
    const untunedMs = await timeOf(untuned);
    const ms = Math.min(best.ms, await timeOf(best.cut));
    const { cut } = ms < MARGIN * untunedMs ? best : { cut: untuned };
    return { tiling: tilingName(cut), pieces: cut.pieces, ms: cut === untuned ? untunedMs : ms, untunedMs };
  } finally {
    dispose([a, ...(isPacked(b) ? packedParts(b) : [b])]);
  }
}

/** The least milliseconds of one run, over a few rounds. */
async function clock(run: () => Tensor, signal: AbortSignal | undefined): Promise<number> {
  const round = async (repetitions: number): Promise<number> => {
    throwIfAborted(signal);
    const start = performance.now();
    const last = tidy(() => {
      for (let i = 1; i < repetitions; i++) run().dispose();
      return slice(reshape(run(), [-1]), 0, 1);
    });
    try {
      await last.data(); // waits for the device
    } finally {
      last.dispose();
    }
    return (performance.now() - start) / repetitions;
  };
  await round(1); // compiles
  const repetitions = Math.min(MAX_REPETITIONS, Math.ceil(ROUND_MS / (await round(2))));
  let least = Infinity;
  for (let i = 0; i < ROUNDS; i++) least = Math.min(least, await round(repetitions));
  return least;
}

const DRAWN = 2 ** 16;

/** Numbers as products meet them; large operands repeat them. */
function noise(shape: [number, number]): Tensor2D {
  const drawn = normalNoise(DRAWN, { seed: 0 });
  const values = new Float32Array(shape[0] * shape[1]);
  for (let at = 0; at < values.length; at += DRAWN) values.set(drawn.subarray(0, values.length - at), at);
  return tensor2d(values, shape);
}

/** Two halves of 1.0; as bytes and nibbles small numbers too. */
const CODES = 0x3c003c00;
const BITS = { float16: 16, int8: 8, int4: 4 } as const;
const GROUP = 32;

function weightOf({ n, k, transposeB, weights }: TunableProduct): Weight {
  const shape: [number, number] = transposeB ? [n, k] : [k, n];
  if (weights === 'float32') return noise(shape);
  const [rows, columns] = shape;
  const filled = weights === 'int4' ? Math.ceil(columns / GROUP) * GROUP : columns;
  const words = 4 * Math.ceil((filled * BITS[weights]) / 128); // rows start at multiples of 16 bytes
  const packed: PackedWeight = { shape, format: weights, codes: fill([rows, words], CODES, 'int32') as Tensor2D };
  if (weights === 'float16') return packed;
  return { ...packed, scales: fill(weights === 'int8' ? [rows] : [rows, words / 4], 0.01) };
}
