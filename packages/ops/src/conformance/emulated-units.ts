import type { Program } from '@latte-flow/runtime';

import type { MatrixUnit } from '../product/matrix-unit.ts';

/** What an access beyond its array, or off the 16 bytes that rows of matrices lie on, is answered with. */
const POISON = '1e30';

/** The arguments of the call whose parenthesis opens at `open`, and where it closes. */
function argumentsAt(text: string, open: number): { readonly args: string[]; readonly end: number } {
  const args: string[] = [];
  let [depth, first] = [0, open + 1];
  for (let at = open; ; at++) {
    const character = text[at];
    if (character === undefined) throw new RangeError(`A call that does not end: ${text.slice(open, open + 80)}`);
    if (character === '(' || character === '[') depth++;
    if (character === ')' || character === ']') depth--;
    if ((character === ',' && depth === 1) || depth === 0) {
      args.push(text.slice(first, at).trim());
      first = at + 1;
    }
    if (depth === 0) return { args, end: at };
  }
}

/** Replaces each call of a function, template arguments included; calls inside of its arguments first. */
function replaceCalls(text: string, name: string, by: (template: string, args: string[]) => string): string {
  let result = text;
  for (let at = result.lastIndexOf(name); at >= 0; at = at === 0 ? -1 : result.lastIndexOf(name, at - 1)) {
    const open = result.indexOf('(', at);
    const { args, end } = argumentsAt(result, open);
    result = result.slice(0, at) + by(result.slice(at + name.length, open), args) + result.slice(end + 1);
  }
  return result;
}

interface Shape {
  readonly side: 'left' | 'right' | 'result';
  readonly rows: number;
  readonly columns: number;
}

const TYPE = /subgroup_matrix_(left|right|result)<(?:f16|f32), (\d+), (\d+)>/;

function shapeOf(type: string): Shape {
  const [, side, columns, rows] = TYPE.exec(type)!;
  return { side: side as Shape['side'], rows: Number(rows), columns: Number(columns) };
}

/**
 * A program that uses matrix units as one without, for devices that have none or none of that size: a lane holds neighbouring
 * elements of each matrix of its (supposed) subgroup, and the lanes exchange them through workgroup memory. Of the elements of
 * arrays, `halves` are read as halves and `vec4f` as float32.
 */
export function emulateUnits(program: Program, { rows, columns, depth, subgroupSize }: MatrixUnit): Program {
  if (!program.body.includes('subgroupMatrix')) return program;
  const lanes = Number(/@workgroup_size\((\d+)\)/.exec(program.body)![1]);
  const subgroups = lanes / subgroupSize;
  const functions = new Map<string, string>();
  const each = (shape: Shape): number => (shape.rows * shape.columns) / subgroupSize;
  const place = (shape: Shape): string =>
    `let k = emulated_lane % ${subgroupSize}u * ${each(shape)}u + t; let row = k / ${shape.columns}u; let column = k % ${shape.columns}u;`;
  const lengthOf = (array: string): number =>
    Number(new RegExp(`var<workgroup> ${array}: array<vec(?:2u|4f), (\\d+)>`).exec(program.body)![1]);

  const loadFunction = (array: string, layout: string, shape: Shape): string => {
    const name = `load_${array}_${layout}_${shape.side}`;
    const stride = array === 'halves' ? '4u * stride' : 'stride * 4u';
    const along = layout === 'row_major' ? `row * ${stride} + column` : `column * ${stride} + row`;
    const value =
      array === 'halves' ? 'unpack2x16float(halves[at / 4u][at % 4u / 2u])[at % 2u]' : `${array}[at / 4u][at % 4u]`;
    const isOff = array === 'halves' ? 'offset % 2u != 0u || stride % 2u != 0u' : 'false';
    functions.set(
      name,
      /* wgsl */ `
      fn ${name}(offset: u32, stride: u32) -> array<f32, ${each(shape)}> {
        var elements: array<f32, ${each(shape)}>;
        for (var t = 0u; t < ${each(shape)}u; t++) {
          ${place(shape)}
          let at = 4u * offset + ${along};
          if (${isOff} || at / 4u >= ${lengthOf(array)}u) { elements[t] = ${POISON}; } else { elements[t] = ${value}; }
        }
        return elements;
      }`,
    );
    return name;
  };
  const result: Shape = { side: 'result', rows, columns };
  const storeFunction = (array: string): string => {
    const name = `store_${array}`;
    functions.set(
      name,
      /* wgsl */ `
      fn ${name}(offset: u32, elements: array<f32, ${each(result)}>, stride: u32) {
        for (var t = 0u; t < ${each(result)}u; t += 4u) {
          ${place(result)}
          let at = offset + row * stride + column / 4u;
          if (at < ${lengthOf(array)}u) {
            ${array}[at] = vec4f(elements[t], elements[t + 1u], elements[t + 2u], elements[t + 3u]);
          } else {
            ${array}[0] = vec4f(${POISON});
          }
        }
      }`,
    );
    return name;
  };

  let body = replaceCalls(program.body, 'subgroupMatrixLoad', (template, [array, offset, stride]) => {
    const layout = template.includes('col_major') ? 'col_major' : 'row_major';
    return `${loadFunction(array!.slice(1), layout, shapeOf(template))}(${offset}, ${stride})`;
  });
  body = replaceCalls(
    body,
    'subgroupMatrixStore',
    (_, [array, offset, value, stride]) => `${storeFunction(array!.slice(1))}(${offset}, ${value}, ${stride})`,
  );
  body = body
    .replaceAll('subgroupMatrixMultiplyAccumulate', 'emulated_multiply')
    .replaceAll(new RegExp(TYPE, 'g'), (type) => `array<f32, ${each(shapeOf(type))}>`)
    .replaceAll(/bitcast<vec2u>\(vec4<f16>\((\w+)\)\)/g, 'vec2u(pack2x16float($1.xy), pack2x16float($1.zw))')
    .replaceAll(/vec4f\(bitcast<vec4<f16>>\((\w+)\)\)/g, 'vec4f(unpack2x16float($1.x), unpack2x16float($1.y))');
  const start = body.indexOf('{', body.indexOf('fn main(')) + 1;
  body = `${body.slice(0, start)} emulated_lane = lane; ${body.slice(start)}`;
  const [left, right] = [
    { side: 'left', rows, columns: depth } as const,
    { side: 'right', rows: depth, columns } as const,
  ];
  return {
    ...program,
    name: `${program.name} emulated`,
    directives: 'enable subgroups; diagnostic(off, subgroup_uniformity);',
    body: /* wgsl */ `
      var<private> emulated_lane: u32;
      var<workgroup> emulated_left: array<f32, ${subgroups * rows * depth}>;
      var<workgroup> emulated_right: array<f32, ${subgroups * depth * columns}>;
      fn emulated_multiply(a: array<f32, ${each(left)}>, b: array<f32, ${each(right)}>, c: array<f32, ${each(result)}>) -> array<f32, ${each(result)}> {
        var elements = c;
        let subgroup = emulated_lane / ${subgroupSize}u;
        workgroupBarrier();
        for (var t = 0u; t < ${each(left)}u; t++) { emulated_left[emulated_lane * ${each(left)}u + t] = a[t]; }
        for (var t = 0u; t < ${each(right)}u; t++) { emulated_right[emulated_lane * ${each(right)}u + t] = b[t]; }
        workgroupBarrier();
        for (var t = 0u; t < ${each(result)}u; t++) {
          ${place(result)}
          for (var d = 0u; d < ${depth}u; d++) {
            elements[t] += emulated_left[(subgroup * ${rows}u + row) * ${depth}u + d] * emulated_right[(subgroup * ${depth}u + d) * ${columns}u + column];
          }
        }
        return elements;
      }
      ${[...functions.values()].join('\n')}
      ${body}`,
  };
}
