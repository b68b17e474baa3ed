import type { Device } from '@latte-flow/runtime';

import { withPrecision, type Precision } from '../kernel/precision.ts';
import { kernelFeatures, withKernels, type KernelFeature, type KernelSelection } from '../kernel/selection.ts';

/** One way that every op can be computed. */
export interface Variant {
  readonly name: string;
  readonly device: Device;
  /** Which kernels, on WebGPU. */
  readonly selection?: KernelSelection;
  /** Of products. Default float32. */
  readonly precision?: Precision;
  /** One case in so many of each op. Default 1: all. */
  readonly every?: number;
  /** What the device must offer for the variant to be another than the one before it. */
  readonly needs?: readonly KernelFeature[];
  /** The largest scaled error against the float64 definition: two to ten times what is measured (docs/ops-errors.md). */
  readonly limits: { readonly value: number; readonly gradient: number };
}

const FLOAT32 = { value: 2e-6, gradient: 1e-5 };
/** Operands are off by at most 2^-11 of themselves; attention's scores, and weights made from them, by a few times that. */
const FLOAT16 = { value: 2e-3, gradient: 4e-3 };

export const variants: readonly Variant[] = [
  { name: 'cpu', device: 'cpu', limits: FLOAT32 },
  { name: 'wasm', device: 'wasm', limits: FLOAT32 },
  // The same code as on the CPU, on kernels of TensorFlow.js.
  {
    name: 'webgpu, portable definitions, every third case',
    device: 'webgpu',
    selection: { choice: 'portable' },
    every: 3,
    limits: FLOAT32,
  },
  {
    name: 'webgpu, plain kernels',
    device: 'webgpu',
    selection: { without: ['subgroups', 'f16', 'subgroupMatrix'] },
    limits: FLOAT32,
  },
  {
    name: 'webgpu, subgroups',
    device: 'webgpu',
    selection: { without: ['f16', 'subgroupMatrix'] },
    needs: ['subgroups'],
    limits: FLOAT32,
  },
  { name: 'webgpu, every feature', device: 'webgpu', needs: ['f16', 'subgroupMatrix'], limits: FLOAT32 },
  {
    name: 'webgpu, every feature, float16 products',
    device: 'webgpu',
    precision: 'float16',
    needs: ['f16', 'subgroupMatrix'],
    limits: FLOAT16,
  },
];

/** Variants whose ops are kernels of this package. */
export const hasKernels = ({ device, selection }: Variant): boolean =>
  device === 'webgpu' && selection?.choice !== 'portable';

/** The cases of `all` that a variant runs: of each op the first, and then one in `every`. */
export function casesOf<C extends { readonly op: string }>(all: readonly C[], { every = 1 }: Variant): C[] {
  const seen = new Map<string, number>();
  return all.filter(({ op }) => {
    const place = seen.get(op) ?? 0;
    seen.set(op, place + 1);
    return place % every === 0;
  });
}

/** Runs synchronous work as a variant computes it. Its device must be the current one. */
export function asVariant<T>({ selection = {}, precision = 'float32' }: Variant, work: () => T): T {
  return withKernels(selection, () => withPrecision(precision, work));
}

/** What the current device lacks of what a variant needs. */
export function missingFeatures({ needs = [] }: Variant): readonly KernelFeature[] {
  const offered = kernelFeatures();
  return needs.filter((feature) => !offered?.[feature]);
}
