import { convertWeights, type FileTensor, type StoredTensor } from '@latte-flow/checkpoint';
import { writeFolder } from '@latte-flow/checkpoint/node';
import { uniformNoise } from '@latte-flow/core';

const LAYERS = 14;
/** 14 layers of a transformer of width 2048, and its embeddings: 1.0 GB as float16. */
const SHAPES: readonly (readonly [string, readonly number[]])[] = [
  ['model.embed_tokens.weight', [32000, 2048]],
  ...Array.from({ length: LAYERS }, (_, i) =>
    (
      [
        ['input_layernorm.weight', [2048]],
        ['self_attn.q_proj.weight', [2048, 2048]],
        ['self_attn.k_proj.weight', [512, 2048]],
        ['self_attn.v_proj.weight', [512, 2048]],
        ['self_attn.o_proj.weight', [2048, 2048]],
        ['mlp.gate_proj.weight', [3392, 2048]],
        ['mlp.up_proj.weight', [3392, 2048]],
        ['mlp.down_proj.weight', [2048, 3392]],
      ] as const
    ).map(([name, shape]) => [`model.layers.${i}.${name}`, shape] as const),
  ).flat(),
];

/** A tensor that exists only as its random values, the same ones for the same seed and place. */
function randomTensor(shape: readonly number[], image: number): StoredTensor {
  const byteLength = 4 * shape.reduce((product, size) => product * size, 1);
  const data: FileTensor = {
    dtype: 'F32',
    shape,
    byteLength,
    file: '',
    begin: image,
    async readInto(target, offset) {
      const values = uniformNoise(target.length / 4, {
        seed: 1,
        image: image * 2 ** 20 + Math.floor(offset / 2 ** 10),
      });
      new Float32Array(target.buffer, target.byteOffset, values.length).set(values.map((value) => 0.1 * value - 0.05));
    },
  };
  return { dtype: 'F32', shape, byteLength, data };
}

/** Writes a checkpoint of random float16 weights in shards of 256 MB. */
export async function writeSyntheticCheckpoint(folder: string): Promise<void> {
  const tensors = new Map(SHAPES.map(([name, shape], i) => [name, randomTensor(shape, i)]));
  const { files } = convertWeights(tensors, { dtype: 'float16', maxShardBytes: 256e6 });
  await writeFolder(folder, files);
}
