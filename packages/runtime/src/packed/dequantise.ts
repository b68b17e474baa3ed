import type { Tensor } from '@tensorflow/tfjs-core';

import { programs } from '../webgpu/program.ts';
import { runProgram, spread } from '../webgpu/run-program.ts';
import { packedReader } from './packed-reader.ts';
import { matrixOf, packedParts, type PackedFormat, type PackedWeight } from './packed-weight.ts';

const LANES = 256;

const program = programs((format: PackedFormat) => {
  const { inputs, read, unpack } = packedReader(format);
  return {
    name: 'dequantise',
    inputs,
    outputs: ['y: array<f32>'],
    params: ['rows: u32', 'columns: u32', 'weight_words: u32'],
    body: /* wgsl */ `
      ${read}
      ${unpack}
      @compute @workgroup_size(${LANES})
      fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
        let quads = (params.columns + 3u) / 4u;
        let at = (group.x + group.y * groups.x) * ${LANES}u + lane;
        let row = at / quads;
        if (row >= params.rows) { return; }
        let quad = at % quads;
        let values = unpack_quad(read_quad(row, quad));
        for (var i = 0u; i < min(4u, params.columns - 4u * quad); i++) {
          y[row * params.columns + 4u * quad + i] = values[i];
        }
      }`,
  };
});

/** The float32 values of a packed weight, in its shape, on the device. Owned by the caller. */
export function dequantise(weight: PackedWeight): Tensor {
  const { rows, columns } = matrixOf(weight.shape);
  const [y] = runProgram(program(weight.format), {
    inputs: packedParts(weight),
    outputs: [{ shape: weight.shape }],
    params: [rows, columns, weight.codes.shape[1]],
    workgroups: spread(Math.ceil((rows * Math.ceil(columns / 4)) / LANES)),
  });
  return y!;
}
