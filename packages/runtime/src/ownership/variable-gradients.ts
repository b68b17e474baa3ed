import {
  engine,
  variableGrads,
  type NamedTensorMap,
  type Scalar,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';

/** What TensorFlow.js (4.22) keeps of the ops that it may have to differentiate. */
interface TapeState {
  activeTape: { readonly saved?: readonly Tensor[] }[] | null;
  readonly gradientDepth: number;
}

/** Of ops whose gradients nobody will take any more. */
function freeTape(): void {
  const state = engine().state as unknown as TapeState;
  if (state.gradientDepth > 0) return; // an outer gradient's ops are on the same tape
  for (const { saved = [] } of state.activeTape ?? []) for (const tensor of saved) tensor.dispose();
  state.activeTape = null;
}

/**
 * `tf.variableGrads`, which leaves nothing behind where the loss throws: TensorFlow.js does not let go of what it keeps for the
 * gradients of the ops before.
 * @returns the loss and the gradients by the variables' names, owned by the caller
 * @throws whatever the loss throws
 */
export function variableGradients(
  loss: () => Scalar,
  variables: readonly Variable[],
): { readonly value: Scalar; readonly grads: NamedTensorMap } {
  try {
    return variableGrads(loss, [...variables]);
  } catch (error) {
    freeTape();
    throw error;
  }
}
