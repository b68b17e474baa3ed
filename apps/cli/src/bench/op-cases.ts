import {
  applyRope,
  attention,
  convolution,
  depthwiseConvolution,
  embed,
  gatedAdd,
  gatedRmsNormAdd,
  gelu,
  joinHeads,
  layerNorm,
  linear,
  meanSquaredError,
  modulate,
  modulatedRmsNorm,
  rmsNorm,
  ropeTables,
  silu,
  softmaxCrossEntropy,
  splitHeads,
  swiglu,
} from '@latte-flow/ops';
import { add, fill, keep, type Tensor } from '@tensorflow/tfjs-core';

import type { LayerShape } from './shapes.ts';
import type { TensorDraw } from './philox-tensors.ts';

/** An op at the sizes of a layer shape. */
export interface OpCase {
  /** Differentiated. The case's, as are the constants. */
  readonly inputs: readonly Tensor[];
  /** No gradient reaches them. */
  readonly constants?: readonly Tensor[];
  readonly run: (...inputs: Tensor[]) => Tensor;
  /** Of the forward pass, where products are what costs. */
  readonly flops?: number;
  /** Whether it multiplies in the current precision. Default false. */
  readonly hasPrecision?: boolean;
}

const EPS = 1e-6;
/** Visible prompt tokens beside the latents, as in latte_2b.py. */
const CONTEXT = 24;
/** Rows of a table, and classes of a loss, for each channel of the layer. */
const VOCABULARY = 8;

type MakeCase = (shape: LayerShape, draw: TensorDraw) => OpCase;

function projection(sizes: (shape: LayerShape) => { out: number; input: number }, { bias = false } = {}): MakeCase {
  return (shape, draw) => {
    const { out, input } = sizes(shape);
    const { batch, tokens } = shape;
    const inputs = [draw.normal([batch, tokens, input]), draw.normal([out, input], 1 / Math.sqrt(input))];
    if (bias) inputs.push(draw.normal([out]));
    return {
      inputs,
      run: (x, weight, added) => linear(x!, weight!, added),
      flops: 2 * batch * tokens * out * input,
      hasPrecision: true,
    };
  };
}

function heads({ batch, tokens, width, heads }: LayerShape, draw: TensorDraw): Tensor[] {
  return Array.from({ length: 3 }, () => draw.normal([batch, heads, tokens, width / heads]));
}

const rows =
  (width: keyof LayerShape, run: (x: Tensor) => Tensor): MakeCase =>
  (shape, draw) => ({ inputs: [draw.normal([shape.batch, shape.tokens, shape[width]])], run: (x) => run(x!) });

const attentionFlops = ({ batch, tokens, width }: LayerShape, keys: number): number =>
  4 * batch * tokens * keys * width;

/** Every op that a model runs, by its name. */
export const opCases: Readonly<Record<string, MakeCase>> = {
  'linear-qkv': projection(({ width }) => ({ out: 3 * width, input: width })),
  'linear-out': projection(({ width }) => ({ out: width, input: width }), { bias: true }),
  'linear-gate': projection(({ width, intermediate }) => ({ out: intermediate, input: width })),
  'linear-down': projection(({ width, intermediate }) => ({ out: width, input: intermediate })),
  attention: (shape, draw) => ({
    inputs: heads(shape, draw),
    run: (query, key, value) => attention({ query: query!, key: key!, value: value! }).output,
    flops: attentionFlops(shape, shape.tokens),
    hasPrecision: true,
  }),
  'attention-context': (shape, draw) => {
    const { batch, width } = shape;
    const context = () => draw.normal([batch, shape.heads, CONTEXT, width / shape.heads]);
    return {
      inputs: heads(shape, draw),
      constants: [context(), context()],
      run: (query, key, value, before, beforeValue) =>
        attention({ query: query!, key: key!, value: value!, context: { key: before!, value: beforeValue! } }).output,
      flops: attentionFlops(shape, shape.tokens + CONTEXT),
      hasPrecision: true,
    };
  },
  'attention-residual': (shape, draw) => {
    const { batch, tokens } = shape;
    return {
      inputs: [
        ...heads(shape, draw),
        draw.normal([batch, shape.heads, tokens, tokens]),
        draw.normal([batch, shape.heads]),
      ],
      run: (query, key, value, previous, gate) => {
        const residual = { form: 'scores', previous: previous!, gate: gate! } as const;
        const { output, map } = attention({ query: query!, key: key!, value: value!, residual });
        map!.dispose();
        return output;
      },
      flops: attentionFlops(shape, tokens),
      hasPrecision: true,
    };
  },
  'rms-norm': ({ batch, tokens, width }, draw) => ({
    inputs: [draw.normal([batch, tokens, width]), draw.aroundOne([width])],
    run: (x, weight) => rmsNorm(x!, weight!, EPS),
  }),
  'layer-norm': ({ batch, tokens, width }, draw) => ({
    inputs: [draw.normal([batch, tokens, width]), draw.aroundOne([width]), draw.normal([width])],
    run: (x, weight, bias) => layerNorm(x!, weight!, bias!, EPS),
  }),
  modulate: ({ batch, tokens, width }, draw) => ({
    inputs: [draw.normal([batch, tokens, width]), draw.normal([batch, width]), draw.normal([batch, width])],
    run: (x, scale, shift) => modulate(x!, scale!, shift!),
  }),
  'gated-add': ({ batch, tokens, width }, draw) => ({
    inputs: [draw.normal([batch, tokens, width]), draw.normal([batch, width]), draw.normal([batch, tokens, width])],
    run: (x, scale, y) => gatedAdd(x!, scale!, y!),
  }),
  'modulated-rms-norm': ({ batch, tokens, width }, draw) => ({
    inputs: [
      draw.normal([batch, tokens, width]),
      draw.aroundOne([width]),
      draw.normal([batch, width]),
      draw.normal([batch, width]),
    ],
    run: (x, weight, scale, shift) => modulatedRmsNorm(x!, weight!, scale!, shift!, EPS),
  }),
  'gated-rms-norm-add': ({ batch, tokens, width }, draw) => ({
    inputs: [
      draw.normal([batch, tokens, width]),
      draw.normal([batch, width]),
      draw.normal([batch, tokens, width]),
      draw.aroundOne([width]),
    ],
    run: (x, scale, y, weight) => gatedRmsNormAdd(x!, scale!, y!, weight!, EPS),
  }),
  swiglu: ({ batch, tokens, intermediate }, draw) => ({
    inputs: [draw.normal([batch, tokens, intermediate]), draw.normal([batch, tokens, intermediate])],
    run: (gate, up) => swiglu(gate!, up!),
  }),
  silu: rows('width', silu),
  gelu: rows('intermediate', gelu),
  'split-heads': (shape, draw) => ({
    inputs: [draw.normal([shape.batch, shape.tokens, shape.width])],
    run: (x) => splitHeads(x!, shape.heads),
  }),
  'join-heads': (shape, draw) => ({
    inputs: [draw.normal([shape.batch, shape.heads, shape.tokens, shape.width / shape.heads])],
    run: (x) => joinHeads(x!),
  }),
  rope: (shape, draw) => {
    const { batch, tokens, width } = shape;
    const headDim = width / shape.heads;
    const positions = [Array.from({ length: batch }, () => Array.from({ length: tokens }, (_, i) => i))];
    const { cos, sin } = ropeTables(positions, { headDim, theta: 1e6 });
    return {
      inputs: [draw.normal([batch, shape.heads, tokens, headDim])],
      constants: [cos, sin],
      run: (x, cos_, sin_) => applyRope(x!, { cos: cos_ as typeof cos, sin: sin_ as typeof sin }),
    };
  },
  embed: ({ batch, tokens, width }, draw) => ({
    inputs: [draw.normal([VOCABULARY * width, width])],
    constants: [draw.indices([batch, tokens], VOCABULARY * width)],
    run: (table, ids) => embed(ids!, table!),
  }),
  'cross-entropy': ({ batch, tokens, width }, draw) => ({
    inputs: [draw.normal([batch * tokens, VOCABULARY * width])],
    constants: [draw.indices([batch * tokens], VOCABULARY * width), keep(fill([batch * tokens], 1))],
    run: (logits, labels, weights) => softmaxCrossEntropy(logits!, labels!, weights!),
  }),
  'mean-squared-error': ({ batch, tokens, width }, draw) => ({
    inputs: [draw.normal([batch, tokens, width])],
    constants: [draw.normal([batch, tokens, width])],
    run: (prediction, target) => meanSquaredError(prediction!, target!),
  }),
  convolution: ({ batch, tokens, width }, draw) => {
    const side = Math.floor(Math.sqrt(tokens));
    return {
      inputs: [draw.normal([batch, side, side, width]), draw.normal([width, width, 3, 3], 1 / Math.sqrt(9 * width))],
      run: (x, weight) => convolution(x!, weight!),
      flops: 2 * 9 * batch * side ** 2 * width ** 2,
      hasPrecision: true,
    };
  },
  'depthwise-convolution': ({ batch, tokens, width }, draw) => {
    const side = Math.floor(Math.sqrt(tokens));
    return {
      inputs: [draw.normal([batch, side, side, width]), draw.normal([width, 1, 3, 3])],
      run: (x, weight) => depthwiseConvolution(x!, weight!),
    };
  },
  add: ({ batch, tokens, width }, draw) => ({
    inputs: [draw.normal([batch, tokens, width]), draw.normal([batch, tokens, width])],
    run: (x, y) => add(x!, y!),
  }),
};

export const opNames = Object.keys(opCases);
