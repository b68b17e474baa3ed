import {
  env,
  getKernel,
  registerKernel,
  unregisterKernel,
  type KernelConfig,
  type Tensor,
} from '@tensorflow/tfjs-core';

const FLAG = 'WEBGPU_MATMUL_PROGRAM_TYPE';
/** TensorFlow.js' program of 32 x 32 tiles. */
const PACKED = 3;
/** Its kernels of `matMul` and `fused.matMul`. */
const KERNELS = ['BatchMatMul', '_FusedMatMul'];

interface ProductArguments {
  readonly inputs: { readonly b: Tensor };
  readonly attrs: { readonly transposeB?: boolean };
}

const corrected = new WeakSet<KernelConfig['kernelFunc']>();

/**
 * Keeps TensorFlow.js (4.22) from cutting the inner axis of a product whose right operand lies transposed: that program of its
 * WebGPU backend reads the operand in vectors along the wrong axis, and its results are wrong. Few tiles and an inner axis
 * of 2000 or more lead to it, as in the gradient of a weight.
 */
export function correctTransposedProducts(): void {
  for (const kernelName of KERNELS) {
    const kernel = getKernel(kernelName, 'webgpu');
    if (kernel === undefined || corrected.has(kernel.kernelFunc)) continue;
    const kernelFunc: KernelConfig['kernelFunc'] = (call) => {
      const { inputs, attrs } = call as unknown as ProductArguments;
      const chosen = env().getNumber(FLAG);
      if (attrs.transposeB !== true || chosen >= 0 || inputs.b.shape.at(-1)! < 2000) return kernel.kernelFunc(call);
      env().set(FLAG, PACKED);
      try {
        return kernel.kernelFunc(call);
      } finally {
        env().set(FLAG, chosen);
      }
    };
    corrected.add(kernelFunc);
    unregisterKernel(kernelName, 'webgpu');
    registerKernel({ ...kernel, kernelFunc });
  }
}
