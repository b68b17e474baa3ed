import {
  dequantise,
  packedParts,
  packedReader,
  programs,
  runProgram,
  spread,
  type PackedFormat,
  type PackedWeight,
} from '@latte-flow/runtime';
import { gather, tidy, type Tensor, type Tensor1D } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';

const LANES = 64;

const program = programs((format: PackedFormat) => {
  const { inputs, read, unpack } = packedReader(format);
  return {
    name: 'embedPacked',
    inputs: ['ids: array<i32>', ...inputs],
    outputs: ['y: array<f32>'],
    params: ['rows: u32', 'columns: u32', 'weight_words: u32'],
    body: /* wgsl */ `
      ${read}
      ${unpack}
      @compute @workgroup_size(${LANES})
      fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
        let row = group.x + group.y * groups.x;
        if (row >= params.rows) { return; }
        let place = u32(ids[row]);
        for (var column = lane * 4u; column < params.columns; column += ${LANES * 4}u) {
          let values = unpack_quad(read_quad(place, column / 4u));
          for (var i = 0u; i < min(4u, params.columns - column); i++) { y[row * params.columns + column + i] = values[i]; }
        }
      }`,
  };
});

/** ids [M], table [V, D] -> [M, D]: the rows dequantised on their way. */
export function embedPacked(ids: Tensor1D, table: PackedWeight): Tensor {
  const columns = table.shape[1]!;
  return kernelOr(
    [ids],
    () => {
      const [rows] = runProgram(program(table.format), {
        inputs: [ids, ...packedParts(table)],
        outputs: [{ shape: [ids.size, columns] }],
        params: [ids.size, columns, table.codes.shape[1]],
        workgroups: spread(ids.size),
      });
      return rows!;
    },
    () => tidy(() => gather(dequantise(table), ids)),
  );
}
