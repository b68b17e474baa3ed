import { programs, runProgram, spread } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import type { RopeTables } from '../rope/tables.ts';

/** How heads lie: each token's side by side `[B, N, H * E]`, or each head's tokens `[B, H, N, E]`. */
export type HeadLayout = 'joined' | 'split';

export interface HeadMove {
  readonly from: HeadLayout;
  readonly to: HeadLayout;
  readonly heads: number;
  /** Rotates by the tables' angles, or back. */
  readonly rope?: RopeTables;
  readonly turn?: 'forward' | 'back';
}

const LANES = 256;

/** `isVector`: four channels at a time, which then lie in one half of a head. */
const program = programs((from: HeadLayout, to: HeadLayout, width: number, heads: number, hasRope: boolean) => {
  const isVector = width % (hasRope ? 8 : 4) === 0;
  const type = isVector ? 'vec4f' : 'f32';
  const steps = isVector ? width / 4 : width;
  const at = (layout: HeadLayout): string =>
    `(${layout === 'joined' ? '(batch * params.tokens + token) * HEADS + head' : '(batch * HEADS + head) * params.tokens + token'}) * STEPS`;
  return {
    name: 'moveHeads',
    inputs: [`x: array<${type}>`, ...(hasRope ? [`cos_table: array<${type}>`, `sin_table: array<${type}>`] : [])],
    outputs: [`y: array<${type}>`],
    params: ['count: u32', 'tokens: u32', 'turn: f32'],
    body: /* wgsl */ `
      const STEPS = ${steps}u;
      const HEADS = ${heads}u;
      @compute @workgroup_size(${LANES})
      fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
        let i = (group.x + group.y * groups.x) * ${LANES}u + lane;
        if (i >= params.count) { return; }
        let e = i % STEPS;
        let row = i / STEPS; // of y
        ${
          to === 'split'
            ? 'let token = row % params.tokens; let head = row / params.tokens % HEADS; let batch = row / params.tokens / HEADS;'
            : 'let head = row % HEADS; let token = row / HEADS % params.tokens; let batch = row / HEADS / params.tokens;'
        }
        let start = ${at(from)};
        ${
          hasRope
            ? `
          let angle = (batch * params.tokens + token) * STEPS + e;
          let is_first = e < STEPS / 2u;
          let partner = x[start + select(e - STEPS / 2u, e + STEPS / 2u, is_first)] * select(params.turn, -params.turn, is_first);
          y[i] = x[start + e] * cos_table[angle] + partner * sin_table[angle];`
            : 'y[i] = x[start + e];'
        }
      }`,
  };
});

/** Lays heads out anew, rotating them on the way, in one pass over the tensor. */
export function moveHeadsWebGPU(x: Tensor, { from, to, heads, rope, turn = 'forward' }: HeadMove): Tensor {
  const [batch, tokens, width] =
    from === 'joined' ? [x.shape[0]!, x.shape[1]!, x.shape[2]! / heads] : [x.shape[0]!, x.shape[2]!, x.shape[3]!];
  const count = x.size / (width % (rope === undefined ? 4 : 8) === 0 ? 4 : 1);
  const [y] = runProgram(program(from, to, width, heads, rope !== undefined), {
    inputs: rope === undefined ? [x] : [x, rope.cos, rope.sin],
    outputs: [{ shape: to === 'joined' ? [batch, tokens, heads * width] : [batch, heads, tokens, width] }],
    params: [count, tokens, turn === 'forward' ? 1 : -1],
    workgroups: spread(Math.ceil(count / LANES)),
  });
  return y!;
}
