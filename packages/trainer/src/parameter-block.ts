import { describeValue, LatteFlowError, refuseArgument } from '@latte-flow/core';
import { joinVector, splitVector } from '@latte-flow/ops';
import type { ParameterValues } from '@latte-flow/runtime';
import { tensor1d, Variable, type NamedTensorMap, type Tensor, type Tensor1D } from '@tensorflow/tfjs-core';

/** What can be trained: a `ParameterStore` uploaded with `trainable: true`, or a Map of variables. Constants in it stay as they are. */
export interface TrainableParameters {
  entries(): Iterable<readonly [string, Tensor]>;
}

/** Flat vectors are padded to whole rows, so that their norm is reduced row by row without a copy. */
export const ROW = 1024;

interface Member {
  readonly name: string;
  readonly variable: Variable;
  readonly offset: number;
}

/**
 * Parameters that always get gradients together, as one flat vector: their optimiser state and updates cost the ops of
 * one parameter. The vector holds the parameters one after another, zeros up to a multiple of `ROW` at its end.
 */
export class ParameterBlock {
  readonly name: string;
  readonly members: readonly Member[];
  /** Length of the flat vector. */
  readonly length: number;

  constructor(name: string, variables: readonly (readonly [string, Variable])[]) {
    let offset = 0;
    this.name = name;
    this.members = variables.map(([parameter, variable]) => {
      const member = { name: parameter, variable, offset };
      offset += variable.size;
      return member;
    });
    this.length = Math.ceil(offset / ROW) * ROW;
  }

  /** The members' current values, `[length]`. */
  weights(): Tensor1D {
    return joinVector(
      this.members.map(({ variable }) => variable),
      this.length,
    );
  }

  /**
   * The members' gradients, `[length]`, or undefined if none has one.
   * @param gradients as `tf.variableGrads` returns them: by the variable's name, those without a gradient left out.
   * @throws LatteFlowError `invalid-argument` if only some have one.
   */
  gradients(gradients: NamedTensorMap): Tensor1D | undefined {
    const found = this.members.map(({ variable }) => gradients[variable.name]);
    const absent = found.findIndex((gradient) => gradient === undefined);
    if (absent === -1) return joinVector(found as Tensor[], this.length);
    const present = found.findIndex((gradient) => gradient !== undefined);
    if (present === -1) return undefined;
    const [missing, given] = [this.members[absent]!.name, this.members[present]!.name];
    return refuseArgument({
      where: 'Trainer.run',
      expected: `all parameters of block ${describeValue(this.name)} to get gradients together`,
      got: `one for ${given} and none for ${missing}`,
      remedy: 'Pass a `block` function that puts them in different blocks, or leave unused parameters untrained.',
      data: { block: this.name, given, missing },
    });
  }

  /** Writes a flat vector `[length]` to the variables. */
  assign(flat: Tensor1D): void {
    splitVector(
      flat,
      this.members.map(({ variable }) => variable),
    );
  }

  /** A flat vector on the host as named values: views, not copies. */
  *split(flat: Float32Array): Generator<[string, ParameterValues]> {
    for (const { name, variable, offset } of this.members) {
      yield [name, { shape: variable.shape, values: flat.subarray(offset, offset + variable.size) }];
    }
  }

  /** The flat vector of named values of the members, uploaded. */
  upload(valuesOf: (name: string) => Float32Array): Tensor1D {
    const flat = new Float32Array(this.length);
    for (const { name, offset } of this.members) flat.set(valuesOf(name), offset);
    return tensor1d(flat);
  }
}

/**
 * Groups trainable variables into blocks, in the order of their first member.
 * @throws LatteFlowError `invalid-argument` if nothing is trainable.
 */
export function layOutBlocks(parameters: TrainableParameters, blockOf: (name: string) => string): ParameterBlock[] {
  const groups = new Map<string, [string, Variable][]>();
  for (const [name, value] of parameters.entries()) {
    if (!(value instanceof Variable) || !value.trainable) continue;
    if (value.dtype !== 'float32') {
      throw new LatteFlowError('unsupported', {
        where: 'Trainer',
        expected: 'trainable parameters of float32',
        got: `${name} of ${value.dtype}`,
        remedy: 'Upload it as float32, or as a constant.',
      });
    }
    const block = blockOf(name);
    const group = groups.get(block) ?? [];
    group.push([name, value]);
    groups.set(block, group);
  }
  if (groups.size === 0) {
    refuseArgument({
      where: 'Trainer',
      expected: 'at least one trainable parameter',
      got: 'none',
      remedy: 'Upload the parameters with trainable: true.',
    });
  }
  return [...groups].map(([name, variables]) => new ParameterBlock(name, variables));
}
