import { adapterInfoOf } from '@latte-flow/runtime';

/** A kind of matrix that the subgroups of a device multiply: f16 operands [rows, depth] and [depth, columns], f32 sums. */
export interface MatrixUnit {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Lanes of a subgroup. */
  readonly subgroupSize: number;
}

interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** WebGPU's types do not know the experimental feature yet. */
type AdapterInfo = GPUAdapterInfo & { readonly subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> };

const units = new WeakMap<GPUDevice, MatrixUnit | null>();

/**
 * The largest matrices of f16 operands and f32 sums that the device multiplies, or undefined: where it has none, or
 * where the size of its subgroups varies, and so which lanes belong together.
 */
export function matrixUnit(device: GPUDevice): MatrixUnit | undefined {
  let unit = units.get(device);
  if (unit === undefined) units.set(device, (unit = findUnit(adapterInfoOf(device) as AdapterInfo) ?? null));
  return unit ?? undefined;
}

function findUnit({ subgroupMatrixConfigs, subgroupMinSize, subgroupMaxSize }: AdapterInfo): MatrixUnit | undefined {
  if (subgroupMatrixConfigs === undefined || subgroupMinSize !== subgroupMaxSize) return undefined;
  return [...subgroupMatrixConfigs]
    .filter(({ componentType, resultComponentType }) => componentType === 'f16' && resultComponentType === 'f32')
    .map(({ M, N, K }) => ({ rows: M, columns: N, depth: K, subgroupSize: subgroupMinSize }))
    .filter(({ rows, columns, depth }) => 32 % rows === 0 && 32 % columns === 0 && 32 % depth === 0)
    .sort((a, b) => b.rows * b.columns * b.depth - a.rows * a.columns * a.depth)[0];
}
