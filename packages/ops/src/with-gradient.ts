import { tidy, type Tensor } from '@tensorflow/tfjs-core';

import { isRecorded, withGradientOfMany } from './with-gradient-of-many.ts';

/**
 * An op with a gradient of its own, in place of the chain of its parts' gradients.
 *
 * @param inputs differentiable tensors; all are kept for the backward pass
 * @param forward their value; nothing inside is recorded
 * @param gradient dy, the inputs and the constants -> one gradient for each input, in order
 * @param constants tensors that the backward pass reads and no gradient reaches. It must get them from here: those that it
 * closes over may be gone by then.
 */
export function withGradient<
  const I extends readonly Tensor[],
  O extends Tensor,
  const C extends readonly Tensor[] = readonly [],
>(
  inputs: I,
  forward: (...inputs: I) => O,
  gradient: (dy: O, ...saved: [...I, ...C]) => readonly Tensor[],
  constants?: C,
): O {
  if (!isRecorded()) return tidy(() => forward(...inputs)); // the tape's bookkeeping costs more than a dispatch
  const [value] = withGradientOfMany<string>('op', {
    inputs: Object.fromEntries(inputs.map((tensor, i) => [i, tensor])),
    forward(save) {
      save(...inputs, ...(constants ?? []));
      return [forward(...inputs)];
    },
    gradient: ([dy], saved) =>
      Object.fromEntries(gradient(dy as O, ...(saved as unknown as [...I, ...C])).map((dx, i) => [i, dx])),
  });
  return value as O;
}
