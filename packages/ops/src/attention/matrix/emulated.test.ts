import { bootBackend } from '@latte-flow/runtime';
import { beforeAll, describe, expect, vi } from 'vitest';

import { webgpuMissing, webgpuTest } from '../../../../../tooling/test/webgpu.ts';
import { compareWithDefinition, type AttentionSizes } from '../../conformance/attention-runs.ts';

const { UNIT, names } = vi.hoisted(() => ({
  /** Of NVIDIA's devices; no software adapter has it. Two lanes share a row. */
  UNIT: { rows: 16, columns: 16, depth: 16, subgroupSize: 32 },
  /** Of the programs that were emulated. */
  names: new Set<string>(),
}));

vi.mock('@latte-flow/runtime', async (original) => {
  const runtime = await original<typeof import('@latte-flow/runtime')>();
  const { emulateUnits } = await import('../../conformance/emulated-units.ts');
  const emulated = new WeakMap<object, Parameters<typeof runtime.runProgram>[0]>();
  return {
    ...runtime,
    runProgram: ((program, run) => {
      const instead = emulated.get(program) ?? emulateUnits(program, UNIT);
      emulated.set(program, instead);
      if (instead !== program) names.add(program.name);
      return runtime.runProgram(instead, run);
    }) satisfies typeof runtime.runProgram,
  };
});

/** Leaves room for what the emulation itself needs. */
const on = { unit: UNIT, unitStorage: 24 * 1024, workgroups: 1 };

const CASES: readonly (AttentionSizes & { readonly kernels: readonly string[] })[] = [
  {
    name: 'tiles and pieces of both blocks',
    tokens: 37,
    width: 12,
    contextTokens: 11,
    on: { ...on, unitSteps: 2 },
    kernels: ['attentionByUnits', 'attentionQueryGradientByUnits', 'attentionKeyGradientByUnits'],
  },
  {
    name: 'carried scores in vectors, causal, blind rows',
    form: 'scores',
    previous: true,
    tokens: 36,
    width: 16,
    causal: true,
    hidden: 2,
    on: { ...on, unitSteps: 1 },
    kernels: ['attentionByUnits', 'attentionQueryGradientByUnits', 'attentionCarriedKeyGradientByUnits'],
  },
];

describe('attention on matrix units of 16 x 16 x 16, emulated', () => {
  beforeAll(async () => {
    if (webgpuMissing === undefined) await bootBackend({ device: 'webgpu' });
  });

  for (const { kernels, ...sizes } of CASES) {
    webgpuTest(`agrees with its definition: ${sizes.name}`, async () => {
      names.clear();
      const { value, gradient } = await compareWithDefinition(sizes, 'float16');
      expect([...names].sort()).toEqual([...kernels].sort());
      expect(value).toBeLessThanOrEqual(1.5e-3);
      expect(gradient).toBeLessThanOrEqual(2e-3);
    });
  }
});
