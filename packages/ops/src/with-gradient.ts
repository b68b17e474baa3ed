import { customGrad, type Tensor } from '@tensorflow/tfjs-core';

type Save = (tensors: Tensor[]) => void;

/**
 * An op with a gradient of its own, in place of the chain of its parts' gradients.
 *
 * @param inputs differentiable tensors; all are kept for the backward pass
 * @param forward their value; nothing inside is recorded
 * @param gradient dy and the inputs -> one gradient for each input, in order
 */
export function withGradient<const I extends readonly Tensor[], O extends Tensor>(
  inputs: I,
  forward: (...inputs: I) => O,
  gradient: (dy: O, ...inputs: I) => readonly Tensor[],
): O {
  const op = customGrad<O>((...tensorsAndSave) => {
    const tensors = tensorsAndSave.slice(0, -1) as unknown as I;
    const save = tensorsAndSave.at(-1) as Save;
    save([...tensors]);
    return {
      value: forward(...tensors),
      gradFunc: (dy: O, saved: Tensor[]) => [...gradient(dy, ...(saved as unknown as I))],
    };
  });
  return op(...inputs);
}
