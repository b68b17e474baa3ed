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

/** As `withGradient`, for an op with several values, whose forward pass leaves more to its gradient than its inputs. */
export function withGradientOfMany<N extends string>(
  name: string,
  { inputs, forward, gradient }: Differentiable<N>,
): Tensor[] {
  const { state } = engine();
  const isRecording = engine().isTapeOn();
  const saved: Tensor[] = [];
  const save = (...tensors: Tensor[]): void => {
    if (isRecording) saved.push(...tensors.map((tensor) => keep(tensor.clone())));
  };
  let outputs: Tensor[];
  state.kernelDepth++;
  try {
    outputs = tidy(() => forward(save));
  } catch (error) {
    for (const tensor of saved) tensor.dispose();
    throw error;
  } finally {
    state.kernelDepth--;
  }
  if (isRecording) {
    const present = Object.fromEntries(Object.entries(inputs).filter(([, tensor]) => tensor !== undefined));
    state.activeTape.push({
      id: state.nextTapeNodeId++,
      kernelName: name,
      inputs: present as NamedTensorMap,
      outputs,
      saved,
      gradient(dys) {
        // The engine calls this on a copy of the node that has only those inputs that lead back to a variable.
        const wanted = this.inputs;
        const gradients = tidy(
          () =>
            gradient(
              dys.map((dy) => dy ?? undefined),
              saved,
              (input) => input in wanted,
            ) as NamedTensorMap,
        );
        return Object.fromEntries(Object.entries(gradients).map(([input, dx]) => [input, () => dx]));
      },
    });
  }
  return outputs;
}
