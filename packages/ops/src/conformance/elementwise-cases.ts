import { gelu, geluTanh, quickGelu, silu } from '../activation/index.ts';
import { gatedAdd, modulate } from '../modulation/index.ts';
import { swiglu } from '../swiglu/index.ts';
import { conformanceCase, normal, type ConformanceCase } from './case.ts';
import * as reference from './reference.ts';

interface Draft {
  readonly name: string;
  readonly shape: readonly number[];
  readonly scale?: number;
  readonly large?: boolean;
}

const activations = [
  { op: 'silu', run: silu, define: reference.silu },
  { op: 'gelu', run: gelu, define: reference.gelu },
  { op: 'geluTanh', run: geluTanh, define: reference.geluTanh },
  { op: 'quickGelu', run: quickGelu, define: reference.quickGelu },
];

function activationCases({ name, shape, scale, large }: Draft): ConformanceCase[] {
  return activations.map(({ op, run, define }) =>
    conformanceCase({
      op,
      name,
      large,
      inputs: { x: normal(shape, { scale }) },
      run: ({ x }) => ({ y: run(x) }),
      reference: ({ x }) => ({ y: define(x) }),
    }),
  );
}

function swigluCase({ name, shape, scale, large }: Draft): ConformanceCase {
  return conformanceCase({
    op: 'swiglu',
    name,
    large,
    inputs: { gate: normal(shape, { scale }), up: normal(shape) },
    run: ({ gate, up }) => ({ y: swiglu(gate, up) }),
    reference: ({ gate, up }) => ({ y: reference.swiglu(gate, up) }),
  });
}

/** shape is [B, N, D]. */
function modulationCases({ name, shape, large }: Draft): ConformanceCase[] {
  const channels = [shape[0]!, shape[2]!];
  return [
    conformanceCase({
      op: 'modulate',
      name,
      large,
      inputs: { x: normal(shape), scale: normal(channels), shift: normal(channels) },
      run: ({ x, scale, shift }) => ({ y: modulate(x, scale, shift) }),
      reference: ({ x, scale, shift }) => ({ y: reference.modulate(x, scale, shift) }),
    }),
    conformanceCase({
      op: 'gatedAdd',
      name,
      large,
      inputs: { x: normal(shape), scale: normal(channels), y: normal(shape) },
      run: ({ x, scale, y }) => ({ z: gatedAdd(x, scale, y) }),
      reference: ({ x, scale, y }) => ({ z: reference.gatedAdd(x, scale, y) }),
    }),
  ];
}

const values: readonly Draft[] = [
  { name: 'values around 1', shape: [3, 7, 5] },
  { name: 'values around 1e-4', shape: [3, 4, 5], scale: 1e-4 },
  { name: 'values around 30', shape: [3, 7, 5], scale: 30 },
  { name: 'values around 1e4', shape: [3, 4], scale: 1e4 },
  { name: 'one number', shape: [1] },
];

const members: readonly Draft[] = [
  { name: '[1, 1, 1]', shape: [1, 1, 1] },
  { name: '[3, 5, 7]', shape: [3, 5, 7] },
  { name: '[2, 67, 3]', shape: [2, 67, 3] },
  { name: '[2, 3, 8]', shape: [2, 3, 8] },
];

export const elementwiseCases: readonly ConformanceCase[] = [
  ...values.flatMap(activationCases),
  ...values.map(swigluCase),
  ...members.flatMap(modulationCases),
];

const large = true;

export const largeElementwiseCases: readonly ConformanceCase[] = [
  ...activationCases({ name: 'several workgroups', shape: [3, 1031], large }),
  swigluCase({ name: 'several workgroups', shape: [5, 1028], large }),
  // 2048 workgroups take 2^19 values at a time.
  ...activationCases({ name: 'more values than lanes', shape: [524_309], large }).slice(0, 1),
  ...modulationCases({ name: 'several slabs a member', shape: [1, 1301, 4], large }),
];
