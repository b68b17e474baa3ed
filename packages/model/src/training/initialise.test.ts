import type { ParameterValues } from '@latte-flow/runtime';
import { elementCount, normalNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { generationStreamShapes } from '../generation-stream/parameter-shapes.ts';
import { tinyConfig } from '../testing/tiny-stream.ts';
import { initialiseGenerationStream } from './initialise.ts';

const shapes = generationStreamShapes(tinyConfig);

/** The tensors of a replica's layer that have a counterpart in the backbone, and its name there. */
const COPIED: Readonly<Record<string, string>> = {
  'input_layernorm.weight': 'input_layernorm.weight',
  'self_attn.q_proj.weight': 'self_attn.q_proj.weight',
  'self_attn.q_proj.bias': 'self_attn.q_proj.bias',
  'self_attn.k_proj.weight': 'self_attn.k_proj.weight',
  'self_attn.k_proj.bias': 'self_attn.k_proj.bias',
  'self_attn.v_proj.weight': 'self_attn.v_proj.weight',
  'self_attn.v_proj.bias': 'self_attn.v_proj.bias',
  'self_attn.o_proj.weight': 'self_attn.o_proj.weight',
  'pre_mlp_norm.weight': 'post_attention_layernorm.weight',
  'mlp.gate_proj.weight': 'mlp.gate_proj.weight',
  'mlp.up_proj.weight': 'mlp.up_proj.weight',
  'mlp.down_proj.weight': 'mlp.down_proj.weight',
};

function tinyBackbone(): Map<string, ParameterValues> {
  const values = new Map<string, ParameterValues>();
  for (let layer = 0; layer < tinyConfig.numLayers; layer++) {
    for (const [i, [name, other]] of Object.entries(COPIED).entries()) {
      const shape = shapes.get(`layers.${layer}.${name}`)!;
      values.set(`model.layers.${layer}.${other}`, {
        shape,
        values: normalNoise(elementCount(shape), { seed: 5, image: 100 * layer + i }),
      });
    }
  }
  return values;
}

const isZero = ({ values }: ParameterValues): boolean => values.every((value) => value === 0);

describe('initialiseGenerationStream', () => {
  test('gives every parameter of the stream; modulation, gates and head are zero, norms one', () => {
    const parameters = initialiseGenerationStream(tinyConfig, { seed: 1 });
    expect(new Map([...parameters].map(([name, { shape }]) => [name, shape]))).toEqual(shapes);
    for (const [name, parameter] of parameters) {
      expect(parameter.values.length, name).toBe(elementCount(parameter.shape));
      const startsAtZero = /modulation|residual_gate|^head|bias$/.test(name);
      expect(isZero(parameter), name).toBe(startsAtZero);
      if (/norm/.test(name)) expect(new Set(parameter.values), name).toEqual(new Set([1]));
    }
    const { values } = parameters.get('layers.0.mlp.up_proj.weight')!; // fan-in 16
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(variance * 16).toBeGreaterThan(0.7);
    expect(variance * 16).toBeLessThan(1.3);
  });

  test('is a function of the seed, with numbers of its own for each parameter', () => {
    const [first, again, other] = [1, 1, 2].map((seed) => initialiseGenerationStream(tinyConfig, { seed }));
    expect(first).toEqual(again);
    const name = 'layers.0.mlp.gate_proj.weight';
    expect(other!.get(name)).not.toEqual(first!.get(name));
    expect(first!.get('layers.1.mlp.gate_proj.weight')).not.toEqual(first!.get(name));
  });

  test('copies the layers of a backbone, and nothing else', () => {
    const backbone = tinyBackbone();
    const fresh = initialiseGenerationStream(tinyConfig, { seed: 1 });
    const parameters = initialiseGenerationStream(tinyConfig, { seed: 1, backbone });
    expect([...parameters.keys()]).toEqual([...fresh.keys()]);
    for (const [name, { values }] of parameters) {
      const [, layer, inside] = /^layers\.(\d+)\.(.*)$/.exec(name) ?? [];
      const source = inside === undefined ? undefined : COPIED[inside];
      if (source === undefined) expect(values, name).toEqual(fresh.get(name)!.values);
      else {
        const copied = backbone.get(`model.layers.${layer}.${source}`)!.values;
        expect(values, name).toEqual(copied);
        expect(values.buffer, name).not.toBe(copied.buffer);
      }
    }
  });

  test('copies the layers of a backbone whose decoder lies elsewhere', () => {
    const backbone = tinyBackbone();
    const moved = new Map([...backbone].map(([name, value]) => [name.replace('model.', 'model.text_model.'), value]));
    expect(
      initialiseGenerationStream(tinyConfig, { seed: 1, backbone: moved, decoderPrefix: 'model.text_model' }),
    ).toEqual(initialiseGenerationStream(tinyConfig, { seed: 1, backbone }));
    expect(() => initialiseGenerationStream(tinyConfig, { seed: 1, backbone: moved })).toThrow('model.layers.0');
  });

  test('refuses a backbone that does not fit', () => {
    const missing = tinyBackbone();
    missing.delete('model.layers.3.post_attention_layernorm.weight');
    expect(() => initialiseGenerationStream(tinyConfig, { seed: 1, backbone: missing })).toThrow(
      'expected model.layers.3.post_attention_layernorm.weight of shape [16] in the backbone, got no such tensor',
    );
    const wider = tinyBackbone();
    wider.set('model.layers.0.mlp.up_proj.weight', { shape: [24, 18], values: new Float32Array(24 * 18) });
    expect(() => initialiseGenerationStream(tinyConfig, { seed: 1, backbone: wider })).toThrow(
      'model.layers.0.mlp.up_proj.weight of shape [24, 16] in the backbone, got [24, 18]',
    );
    expect(() => initialiseGenerationStream(tinyConfig, { seed: -1 })).toThrow('seed');
  });
});
