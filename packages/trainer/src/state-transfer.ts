import { LatteFlowError, type Shape } from '@latte-flow/core';
import type { ParameterValues } from '@latte-flow/runtime';
import { tidy, type Tensor1D } from '@tensorflow/tfjs-core';

import type { AdamW, BlockState } from './adamw.ts';
import type { ParameterBlock } from './parameter-block.ts';
import { requireSameTraining, type StateKind, type TrainingState } from './training-state.ts';
import type { WeightAverage } from './weight-average.ts';

/** What a trainer holds on the device. */
export interface Trained {
  readonly optimizer: AdamW;
  readonly average: WeightAverage | undefined;
}

function* flatVectors(state: BlockState, average: WeightAverage | undefined): Generator<[StateKind, Tensor1D]> {
  yield ['weights', state.weights];
  yield ['first_moment', state.firstMoment];
  yield ['second_moment', state.secondMoment];
  if (average !== undefined) yield ['average', average.of(state.block)];
}

function requireFiniteValues(name: string, values: Float32Array): void {
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at === -1) return;
  throw new LatteFlowError('training-diverged', {
    where: 'Trainer.state',
    expected: 'finite values',
    got: `${values[at]} in ${name}`,
    remedy: 'Resume from an earlier state with a lower learning rate, or set clipNorm.',
    data: { name, value: values[at] },
  });
}

/**
 * Copies all state to the host, `KIND.NAME` -> values.
 * @throws LatteFlowError `training-diverged` if a value is not finite.
 */
export async function downloadState({ optimizer, average }: Trained): Promise<Map<string, ParameterValues>> {
  const tensors = new Map<string, ParameterValues>();
  for (const state of optimizer.states) {
    for (const [kind, flat] of flatVectors(state, average)) {
      for (const [name, parameter] of state.block.split((await flat.data()) as Float32Array)) {
        requireFiniteValues(`${kind}.${name}`, parameter.values);
        tensors.set(`${kind}.${name}`, parameter);
      }
    }
  }
  return tensors;
}

/** @throws LatteFlowError `checkpoint-mismatch`, before anything changes, if the state is of other parameters or blocks. */
export function restoreState({ optimizer, average }: Trained, saved: TrainingState): void {
  const shapes = new Map<string, Shape>();
  for (const state of optimizer.states) {
    for (const [kind] of flatVectors(state, average)) {
      for (const { name, variable } of state.block.members) shapes.set(`${kind}.${name}`, variable.shape);
    }
  }
  requireSameTraining(saved, { tensors: shapes, blocks: optimizer.states.map(({ block }) => block.name) });
  for (const state of optimizer.states) {
    const { block } = state;
    tidy(() => {
      const upload = (kind: StateKind) => block.upload((name) => saved.tensors.get(`${kind}.${name}`)!.values);
      optimizer.restore(state, {
        steps: saved.blockSteps[block.name]!,
        weights: upload('weights'),
        firstMoment: upload('first_moment'),
        secondMoment: upload('second_moment'),
      });
      average?.of(block).assign(upload('average'));
    });
  }
}

/** The averaged weights on the host, by parameter name. */
export async function downloadAverage(
  average: WeightAverage,
  blocks: readonly ParameterBlock[],
): Promise<Map<string, ParameterValues>> {
  const values = new Map<string, ParameterValues>();
  for (const block of blocks) {
    for (const [name, parameter] of block.split((await average.of(block).data()) as Float32Array))
      values.set(name, parameter);
  }
  return values;
}
