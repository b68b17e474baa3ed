import { programs, runProgram, spread } from '@latte-flow/runtime';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

import { packOf, valueOf, type Pack } from '../kernel/value.ts';

const LANES = 256;
const MAX_WORKGROUPS = 4096;

const gatherProgram = programs((pack: Pack) => ({
  name: 'embed',
  inputs: ['ids: array<i32>', 'table: array<Value>'],
  outputs: ['rows: array<Value>'],
  params: ['count: u32', 'width: u32', 'vocabulary: u32'],
  body: /* wgsl */ `
    ${valueOf(pack)}
    @compute @workgroup_size(${LANES})
    fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
      for (var i = id.x; i < params.count; i += groups.x * ${LANES}u) {
        let place = u32(ids[i / params.width]);
        let known = place < params.vocabulary;
        rows[i] = select(Value(), table[select(0u, place, known) * params.width + i % params.width], known);
      }
    }`,
}));

/** ids [M], table [V, D] -> [M, D]; zeros for an id outside [0, V). */
export function embedWebGPU(ids: Tensor1D, table: Tensor2D): Tensor2D {
  const [vocabulary, width] = table.shape;
  const pack = packOf(width);
  const count = (ids.size * width) / pack;
  const [rows] = runProgram(gatherProgram(pack), {
    inputs: [ids, table],
    outputs: [{ shape: [ids.size, width] }],
    params: [count, width / pack, vocabulary],
    workgroups: [Math.min(MAX_WORKGROUPS, Math.ceil(count / LANES))],
  });
  return rows as Tensor2D;
}

/** Up to so many tokens every element of the table's gradient looks at all of them: no lane waits for another. */
const FEW_TOKENS = 512;

const fewTokensProgram = programs((pack: Pack) => ({
  name: 'embedGradient',
  inputs: ['ids: array<i32>', 'dy: array<Value>'],
  outputs: ['dtable: array<Value>'],
  params: ['tokens: u32', 'width: u32', 'count: u32'],
  body: /* wgsl */ `
    ${valueOf(pack)}
    @compute @workgroup_size(${LANES})
    fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
      for (var i = id.x; i < params.count; i += groups.x * ${LANES}u) {
        let row = i / params.width;
        var sum = Value();
        for (var token = 0u; token < params.tokens; token++) {
          if (u32(ids[token]) == row) { sum += dy[token * params.width + i % params.width]; }
        }
        dtable[i] = sum;
      }
    }`,
}));

/** Ids that a workgroup looks through before it adds: one bit each. */
const BLOCK = 8192;
const WORDS = BLOCK / 32;
/** Lanes side by side in a row of the table; the others share out the tokens. */
const ACROSS = 32;
const DOWN = LANES / ACROSS;

/**
 * One workgroup a row of the table. It marks the tokens of its id, and adds their rows in the order of the marks: every
 * sum has its order by the ids alone. Most rows of a large table are nobody's, and cost a look at the ids and zeros.
 */
const scatterProgram = programs((pack: Pack) => ({
  name: 'embedGradient',
  inputs: ['ids: array<i32>', 'dy: array<Value>'],
  outputs: ['dtable: array<Value>'],
  params: ['tokens: u32', 'width: u32', 'vocabulary: u32'],
  body: /* wgsl */ `
    ${valueOf(pack)}
    var<workgroup> marks: array<atomic<u32>, ${WORDS}>;
    var<workgroup> found: atomic<u32>;
    var<workgroup> any: u32;
    var<workgroup> sums: array<Value, ${LANES}>;
    @compute @workgroup_size(${LANES})
    fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
      let row = group.x + group.y * groups.x;
      if (row >= params.vocabulary) { return; }
      let across = lane % ${ACROSS}u;
      let down = lane / ${ACROSS}u;
      for (var i = lane; i < params.width; i += ${LANES}u) { dtable[row * params.width + i] = Value(); }
      for (var block = 0u; block < params.tokens; block += ${BLOCK}u) {
        let words = (min(${BLOCK}u, params.tokens - block) + 31u) / 32u;
        for (var word = lane; word < words; word += ${LANES}u) { atomicStore(&marks[word], 0u); }
        if (lane == 0u) { atomicStore(&found, 0u); }
        workgroupBarrier();
        for (var token = lane; token < min(${BLOCK}u, params.tokens - block); token += ${LANES}u) {
          if (u32(ids[block + token]) == row) {
            atomicOr(&marks[token / 32u], 1u << (token % 32u));
            atomicStore(&found, 1u);
          }
        }
        workgroupBarrier();
        if (lane == 0u) { any = atomicLoad(&found); }
        storageBarrier(); // the zeros, or the sums of the block before
        if (workgroupUniformLoad(&any) == 0u) { continue; }
        for (var first = 0u; first < params.width; first += ${ACROSS}u) {
          let column = first + across;
          var sum = Value();
          for (var word = down; word < words; word += ${DOWN}u) {
            for (var bits = atomicLoad(&marks[word]); bits != 0u; bits &= bits - 1u) {
              let token = block + word * 32u + countTrailingZeros(bits);
              if (column < params.width) { sum += dy[token * params.width + column]; }
            }
          }
          workgroupBarrier();
          sums[lane] = sum;
          workgroupBarrier();
          for (var half = ${DOWN / 2}u; half > 0u; half >>= 1u) {
            if (down < half) { sums[lane] += sums[lane + half * ${ACROSS}u]; }
            workgroupBarrier();
          }
          if (down == 0u && column < params.width) { dtable[row * params.width + column] += sums[lane]; }
        }
        workgroupBarrier();
      }
    }`,
}));

/** dy [M, D], ids [M] -> dtable [V, D]. */
export function embedGradientWebGPU(dy: Tensor2D, ids: Tensor1D, vocabulary: number): Tensor2D {
  const width = dy.shape[1];
  const pack = packOf(width);
  const tokens = ids.size;
  const count = (vocabulary * width) / pack;
  const isFew = tokens <= FEW_TOKENS;
  const [dtable] = runProgram(isFew ? fewTokensProgram(pack) : scatterProgram(pack), {
    inputs: [ids, dy],
    outputs: [{ shape: [vocabulary, width] }],
    params: [tokens, width / pack, isFew ? count : vocabulary],
    workgroups: isFew ? [Math.min(MAX_WORKGROUPS, Math.ceil(count / LANES))] : spread(vocabulary),
  });
  return dtable as Tensor2D;
}
