import { concat, reshape, slice, tidy, zeros, type Tensor, type Tensor1D, type Variable } from '@tensorflow/tfjs-core';

/** Tensors of any shapes -> [length], zeros after the last. */
export function joinVectorPortable(parts: readonly Tensor[], length: number): Tensor1D {
  return tidy(() => {
    const flat = parts.map((part) => reshape(part, [part.size])) as Tensor1D[];
    const rest = length - flat.reduce((sum, { size }) => sum + size, 0);
    return concat(rest === 0 ? flat : [...flat, zeros([rest]) as Tensor1D]);
  });
}

/** [length] -> the variables, one after another. */
export function splitVectorPortable(vector: Tensor1D, variables: readonly Variable[]): void {
  tidy(() => {
    let offset = 0;
    for (const variable of variables) {
      variable.assign(reshape(slice(vector, [offset], [variable.size]), variable.shape));
      offset += variable.size;
    }
  });
}
