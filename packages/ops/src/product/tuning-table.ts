import { refuseArgument } from '@latte-flow/core';
import { adapterInfoOf, isPacked, type PackedFormat, type Weight } from '@latte-flow/runtime';

import type { MatrixUnit } from './matrix-unit.ts';
import {
  canBeCut,
  usableTilings,
  type MatrixTiling,
  type ProductCut,
  type ProductSize,
  type Tiling,
} from './tiling.ts';

/** A product whose best cut depends on the device: all that its kernel is made by but what it adds to its sums. */
export interface TunableProduct extends ProductSize {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** How b lies in memory. */
  readonly weights: 'float32' | PackedFormat;
  /** Of the operands: `float16` may use matrix units. */
  readonly precision: 'float32' | 'float16';
}

/** One measured choice, as it stands in JSON. */
export interface TuningEntry {
  /** `tiled 64x128x8 8x8`: rows, columns and depth of a tile, and how it is shared out. */
  readonly tiling: string;
  /** Of the inner axis. */
  readonly pieces: number;
}

/** Choices by adapter, then by class of product. */
export type Tuning = Readonly<Record<string, Readonly<Record<string, TuningEntry>>>>;

const table = new Map<string, Map<string, TuningEntry>>();
/** Cuts of the devices in use, by class; undefined where nothing usable is known. */
let resolved = new WeakMap<GPUDevice, Map<string, ProductCut | undefined>>();

export function adapterName(device: GPUDevice): string {
  const { vendor, architecture, device: model, description } = adapterInfoOf(device);
  return [vendor, architecture, model, description].filter((part) => part !== '').join(' ') || 'unnamed adapter';
}

export function weightsOf(weight: Weight): TunableProduct['weights'] {
  return isPacked(weight) ? weight.format : 'float32';
}

/** Products of one class share a choice: equal but for the number of rows, of which the next power of two counts. */
export function classOf({ m, n, k, transposeA, transposeB, weights }: TunableProduct, unit?: MatrixUnit): string {
  const rows = 2 ** Math.ceil(Math.log2(m));
  const form = `${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}`;
  return `${rows}x${n}x${k} ${form} ${weights} ${unit === undefined ? 'plain' : 'matrix'}`;
}

export function tilingName(tiling: Tiling | MatrixTiling): string {
  const { kind, rows, columns, depth } = tiling;
  const shares =
    tiling.kind === 'tiled'
      ? `${tiling.perLaneRows}x${tiling.perLaneColumns}`
      : `${tiling.subgroupRows}x${tiling.subgroupColumns}`;
  return `${kind} ${rows}x${columns}x${depth} ${shares}`;
}

/** What was measured to be best for products like this one on the device; undefined where nothing was. */
export function tunedCut(product: TunableProduct, device: GPUDevice, unit?: MatrixUnit): ProductCut | undefined {
  if (table.size === 0) return undefined;
  let ofDevice = resolved.get(device);
  if (ofDevice === undefined) resolved.set(device, (ofDevice = new Map()));
  const key = classOf(product, unit);
  if (!ofDevice.has(key)) {
    const entry = table.get(adapterName(device))?.get(key);
    const tiling = usableTilings(device, unit).find((candidate) => tilingName(candidate) === entry?.tiling);
    ofDevice.set(key, entry && tiling && { ...tiling, pieces: entry.pieces });
  }
  const cut = ofDevice.get(key);
  return cut === undefined || canBeCut(product, cut.pieces) ? cut : { ...cut, pieces: 1 };
}

export function keepTuning(adapter: string, productClass: string, entry: TuningEntry): void {
  let ofAdapter = table.get(adapter);
  if (ofAdapter === undefined) table.set(adapter, (ofAdapter = new Map()));
  ofAdapter.set(productClass, entry);
  resolved = new WeakMap();
}

/** All choices known, those of other adapters too: what `importTuning` takes. */
export function exportTuning(): Tuning {
  return Object.fromEntries([...table].map(([adapter, entries]) => [adapter, Object.fromEntries(entries)]));
}

/**
 * Adds choices that were measured before, in the place of those of the same adapter and class. What names a tiling that this version has
 * not got is without effect.
 * @throws LatteFlowError `invalid-argument` for anything that `exportTuning` does not give; nothing is added then
 */
export function importTuning(tuning: unknown): void {
  const entries: [string, string, TuningEntry][] = [];
  for (const [adapter, classes] of fieldsOf(tuning)) {
    for (const [productClass, entry] of fieldsOf(classes)) {
      const { tiling, pieces } = Object.fromEntries(fieldsOf(entry));
      if (typeof tiling !== 'string' || !Number.isSafeInteger(pieces) || (pieces as number) < 1) refuseTuning();
      entries.push([adapter, productClass, { tiling: tiling as string, pieces: pieces as number }]);
    }
  }
  for (const entry of entries) keepTuning(...entry);
}

/** Forgets every choice. */
export function clearTuning(): void {
  table.clear();
  resolved = new WeakMap();
}

function fieldsOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : refuseTuning();
}

function refuseTuning(): never {
  return refuseArgument({
    where: 'importTuning',
    expected: 'an object as exportTuning gives it',
    got: 'something else',
    remedy: 'Measure anew with tuneProducts.',
  });
}
