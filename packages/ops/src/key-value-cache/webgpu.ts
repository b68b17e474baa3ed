import { runProgram, spread, type Program } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import type { KeysAndValues } from './index.ts';

const LANES = 64;

/** One invocation an element of the tokens. */
const storeProgram: Program = {
  name: 'storeTokens',
  inputs: ['key: array<f32>', 'value: array<f32>', 'start: array<i32>'],
  outputs: ['keys: array<f32>', 'values: array<f32>'],
  params: ['count: u32', 'tokens: u32', 'room: u32', 'width: u32'],
  body: /* wgsl */ `
    @compute @workgroup_size(${LANES})
    fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
      let i = id.x + id.y * groups.x * ${LANES}u;
      if (i >= params.count) { return; }
      let row = i / params.width; // of B G N
      let place = u32(start[0]) + row % params.tokens;
      if (place >= params.room) { return; }
      let goal = (row / params.tokens * params.room + place) * params.width + i % params.width;
      keys[goal] = key[i];
      values[goal] = value[i];
    }`,
};

/** As `storeTokens`, of checked shapes. */
export function storeTokensWebGPU({ key, value }: KeysAndValues, cache: KeysAndValues, start: Tensor): void {
  const [, , tokens, width] = key.shape as [number, number, number, number];
  runProgram(storeProgram, {
    inputs: [key, value, start],
    outputs: [{ into: cache.key }, { into: cache.value }],
    params: [key.size, tokens, cache.key.shape[2]!, width],
    workgroups: spread(Math.ceil(key.size / LANES)),
  });
}
