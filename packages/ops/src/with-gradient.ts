import { customGrad, engine, tidy, type Tensor } from '@tensorflow/tfjs-core';

type Save = (tensors: Tensor[]) => void;

/** Whether what runs now goes on the tape: inside a `grads`, and not inside the forward of another op with its own gradient. */
export function isRecorded(): boolean {
  const { gradientDepth, kernelDepth } = engine().state;
  return gradientDepth > 0 && kernelDepth === 0;
}

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
  const op = customGrad<O>((...tensorsAndSave) => {
    const tensors = tensorsAndSave.slice(0, -1) as unknown as I;
    const save = tensorsAndSave.at(-1) as Save;
    save([...tensors, ...(constants ?? [])]);
    return {
      value: forward(...tensors),
      // The tape frees what a gradient makes on its way only at the end of the whole backward pass.
      gradFunc: (dy: O, saved: Tensor[]) => tidy(() => [...gradient(dy, ...(saved as unknown as [...I, ...C]))]),
    };
  });
  return op(...inputs);
}
