import type { ParameterValues } from '@latte-flow/runtime';

import { layerValues } from '../layer-weights.ts';
import type { LayerShape } from '../shapes.ts';
import { bytes, encode, float, integer, message, text, type Message } from './protobuf.ts';

// Field numbers of onnx.proto3.
const FLOAT = 1;
const OPSET = 21;
const IR_VERSION = 10;
const EPS = 1e-6;

type Attribute = Message;
const floatAttribute = (name: string, value: number): Attribute =>
  message(5, [text(1, name), float(2, value), integer(20, 1)]);
const integerAttribute = (name: string, value: number): Attribute =>
  message(5, [text(1, name), integer(3, value), integer(20, 2)]);

/** Op, inputs and output of a node, `com.microsoft:Op` for one of ONNX Runtime's own. */
function node(op: string, inputs: readonly string[], output: string, attributes: readonly Attribute[] = []): Message {
  const [domain, type] = op.includes(':') ? op.split(':') : ['', op];
  const names = [...inputs.map((name) => text(1, name)), text(2, output), text(3, output)];
  return message(1, [...names, text(4, type!), ...attributes, text(7, domain!)]);
}

function initializer(name: string, shape: readonly number[], values: Float32Array): Message {
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return message(5, [...shape.map((size) => integer(1, size)), integer(2, FLOAT), text(8, name), bytes(9, raw)]);
}

/** `field` 11 for an input of the graph, 12 for an output. */
function tensorInfo(field: number, name: string, shape: readonly number[]): Message {
  const sizes = shape.map((size) => message(1, [integer(1, size)]));
  return message(field, [text(1, name), message(2, [message(1, [integer(1, FLOAT), message(2, sizes)])])]);
}

/** [O, I] -> [I, O], as MatMul takes it. */
function transposed({ shape, values }: ParameterValues): { shape: number[]; values: Float32Array } {
  const [rows, columns] = shape as [number, number];
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) out[column * rows + row] = values[row * columns + column]!;
  }
  return { shape: [columns, rows], values: out };
}

function layerNodes(i: number, x: string, heads: number): { nodes: Message[]; output: string } {
  const name = (part: string): string => `${i}.${part}`;
  const normed = (input: string, weight: string, output: string): Message =>
    node('SimplifiedLayerNormalization', [input, name(weight)], name(output), [
      floatAttribute('epsilon', EPS),
      integerAttribute('axis', -1),
    ]);
  const product = (input: string, weight: string): Message =>
    node('MatMul', [name(input), name(weight)], name(`${weight}.y`));
  return {
    nodes: [
      normed(x, 'attentionNorm', 'normed'),
      product('normed', 'query'),
      product('normed', 'key'),
      product('normed', 'value'),
      node('com.microsoft:MultiHeadAttention', [name('query.y'), name('key.y'), name('value.y')], name('attended'), [
        integerAttribute('num_heads', heads),
      ]),
      product('attended', 'out'),
      node('Add', [x, name('out.y')], name('sum')),
      normed(name('sum'), 'mlpNorm', 'h'),
      product('h', 'gate'),
      product('h', 'up'),
      node('Sigmoid', [name('gate.y')], name('sigmoid')),
      node('Mul', [name('gate.y'), name('sigmoid')], name('silu')),
      node('Mul', [name('silu'), name('up.y')], name('gated')),
      product('gated', 'down'),
      node('Add', [name('sum'), name('down.y')], name('result')),
    ],
    output: name('result'),
  };
}

/** The stack of plain layers as an ONNX file: `x` [B, N, D] -> `y`, RMSNorm and attention by ONNX Runtime's fused ops. */
export function layerModel(shape: LayerShape): Uint8Array {
  const { layers, batch, tokens, width, heads } = shape;
  const nodes: Message[] = [];
  let x = 'x';
  for (let i = 0; i < layers; i++) {
    const layer = layerNodes(i, x, heads);
    nodes.push(...layer.nodes);
    x = layer.output;
  }
  nodes.push(node('Identity', [x], 'y'));
  const weights = [...layerValues(shape)].map(([name, parameter]) => {
    const { shape, values } = parameter.shape.length === 1 ? parameter : transposed(parameter);
    return initializer(name, shape, values);
  });
  const size = [batch, tokens, width];
  const graph = [...nodes, text(2, 'layers'), ...weights, tensorInfo(11, 'x', size), tensorInfo(12, 'y', size)];
  const opsets = [message(8, [text(1, ''), integer(2, OPSET)]), message(8, [text(1, 'com.microsoft'), integer(2, 1)])];
  return encode([integer(1, IR_VERSION), message(7, graph), ...opsets]);
}
