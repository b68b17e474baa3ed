import { encodeSafetensors, float32Tensors, parseSafetensors } from '@latte-flow/checkpoint';
import { describeValue, formatShape, LatteFlowError, type Shape } from '@latte-flow/core';
import type { ParameterValues } from '@latte-flow/runtime';

/** What is kept of each parameter: `weights.NAME`, `first_moment.NAME`, `second_moment.NAME`, with EMA also `average.NAME`. */
export const STATE_KINDS = ['weights', 'first_moment', 'second_moment', 'average'] as const;

export type StateKind = (typeof STATE_KINDS)[number];

/** Everything that a resumed run needs to go on as if never stopped. Plain data on the host. */
export interface TrainingState {
  /** Steps finished. */
  readonly step: number;
  /** Seconds spent training. */
  readonly seconds: number;
  /** Updates that each block has had. */
  readonly blockSteps: Readonly<Record<string, number>>;
  readonly tensors: ReadonlyMap<string, ParameterValues>;
}

const FORMAT = 'latte-flow training state 1';

/** The state as one safetensors file; counters are in its metadata. */
export function encodeTrainingState({ step, seconds, blockSteps, tensors }: TrainingState): Uint8Array {
  const metadata = {
    format: FORMAT,
    step: String(step),
    seconds: String(seconds),
    block_steps: JSON.stringify(blockSteps),
  };
  return encodeSafetensors(tensors, { metadata });
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function parseBlockSteps(text: string | undefined): Record<string, number> | undefined {
  try {
    const parsed: unknown = JSON.parse(text ?? '');
    if (typeof parsed !== 'object' || parsed === null || !Object.values(parsed).every(isCount)) return undefined;
    return parsed as Record<string, number>;
  } catch {
    return undefined;
  }
}

/**
 * Reads what `encodeTrainingState` wrote. The values are views of `bytes`.
 * @throws LatteFlowError `checkpoint-invalid` if the file is damaged or is something else.
 */
export function decodeTrainingState(bytes: Uint8Array): TrainingState {
  const { tensors, metadata } = parseSafetensors(bytes);
  const [step, seconds] = [Number(metadata['step']), Number(metadata['seconds'])];
  const blockSteps = parseBlockSteps(metadata['block_steps']);
  if (metadata['format'] !== FORMAT || !isCount(step) || !(seconds >= 0) || blockSteps === undefined) {
    throw new LatteFlowError('checkpoint-invalid', {
      where: 'decodeTrainingState',
      expected: `the metadata of a ${FORMAT}`,
      got: describeValue(JSON.stringify(metadata)),
      remedy: 'Pass a file that encodeTrainingState wrote; weights alone cannot be resumed.',
    });
  }
  return { step, seconds, blockSteps, tensors: new Map(float32Tensors(tensors)) };
}

interface Expected {
  readonly tensors: ReadonlyMap<string, Shape>;
  readonly blocks: readonly string[];
}

/** @throws LatteFlowError `checkpoint-mismatch` if the state is of other parameters, blocks or shapes. */
export function requireSameTraining(state: TrainingState, { tensors, blocks }: Expected): void {
  const refuse = (expected: string, got: string): never => {
    throw new LatteFlowError('checkpoint-mismatch', {
      where: 'Trainer.restore',
      expected,
      got,
      remedy: 'Resume with the model, blocks and EMA setting that the state was saved with.',
    });
  };
  for (const [name, shape] of tensors) {
    const saved = state.tensors.get(name);
    if (saved === undefined) return refuse(`a state with ${name}`, 'one without it');
    if (formatShape(saved.shape) !== formatShape(shape))
      refuse(`${name} of shape ${formatShape(shape)}`, formatShape(saved.shape));
  }
  for (const name of state.tensors.keys())
    if (!tensors.has(name)) refuse('a state of only these parameters', `also ${name}`);
  const saved = Object.keys(state.blockSteps).sort().join(', ');
  const wanted = [...blocks].sort().join(', ');
  if (saved !== wanted) refuse(`a state of the blocks ${wanted}`, saved);
}
