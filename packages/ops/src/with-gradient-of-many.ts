import { engine, keep, tidy, type NamedTensorMap, type Tensor } from '@tensorflow/tfjs-core';

interface Differentiable<N extends string> {
  /** The differentiable inputs. Only those are kept for the backward pass that `forward` saves. */
  readonly inputs: Readonly<Partial<Record<N, Tensor>>>;
  /** The op's values; nothing inside is recorded. `save` keeps tensors, of its own or not, for the backward pass. */
  forward(save: (...tensors: Tensor[]) => void): Tensor[];
  /**
   * One gradient for each input of which `wants` is true, and no other is worth the work: a frozen input gets none.
   *
   * @param dys one for each value; undefined where nothing depends on it
   */
  gradient(
    dys: readonly (Tensor | undefined)[],
    saved: readonly Tensor[],
    wants: (name: N) => boolean,
  ): Readonly<Partial<Record<N, Tensor>>>;
}

/** Whether what runs now goes on the tape: inside a `grads`, and not inside the forward of another op with its own gradient. */
export function isRecorded(): boolean {
  const { gradientDepth, kernelDepth } = engine().state;
  return gradientDepth > 0 && kernelDepth === 0;
}

/** As `withGradient`, for an op with several values, whose forward pass leaves more to its gradient than its inputs. */
export function withGradientOfMany<N extends string>(
  name: string,
  { inputs, forward, gradient }: Differentiable<N>,
): Tensor[] {
  if (!isRecorded()) return tidy(() => forward(() => {})); // the tape's bookkeeping costs more than a dispatch
  const { state } = engine();
  const saved: Tensor[] = [];
  let outputs: Tensor[];
  state.kernelDepth++;
  try {
    outputs = tidy(() => forward((...tensors) => saved.push(...tensors.map((tensor) => keep(tensor.clone())))));
  } catch (error) {
    for (const tensor of saved) tensor.dispose();
    throw error;
  } finally {
    state.kernelDepth--;
  }
  state.activeTape.push({
    id: state.nextTapeNodeId++,
    kernelName: name,
    inputs: Object.fromEntries(Object.entries(inputs).filter(([, tensor]) => tensor !== undefined)) as NamedTensorMap,
    outputs,
    saved,
    gradient(dys) {
      // The engine calls this on a copy of the node that has only those inputs that lead back to a variable.
      const wanted = this.inputs;
      const given = dys.map((dy) => dy ?? undefined);
      const gradients = tidy(() => {
        const all: Readonly<Record<string, Tensor | undefined>> = gradient(given, saved, (input) => input in wanted);
        return Object.fromEntries(Object.keys(wanted).flatMap((input) => (all[input] ? [[input, all[input]]] : [])));
      }) as NamedTensorMap;
      return Object.fromEntries(Object.entries(gradients).map(([input, dx]) => [input, () => dx]));
    },
  });
  return outputs;
}
