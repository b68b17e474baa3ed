import { expect, test, vi } from 'vitest';

import { bootBackend } from '../node.ts';

vi.mock('webgpu', () => {
  throw new Error('not installed');
});
vi.mock('@tensorflow/tfjs-backend-wasm', () => {
  throw new Error('not installed');
});

test('a backend package that is not installed is an error that says how to get it', async () => {
  await expect(bootBackend({ device: 'wasm' })).rejects.toMatchObject({
    code: 'dependency-missing',
    data: { device: 'wasm' },
    message: expect.stringContaining('Install the npm package @tensorflow/tfjs-backend-wasm.'),
  });
  await expect(bootBackend({ device: 'webgpu' })).rejects.toMatchObject({ code: 'dependency-missing' });
});

test('auto passes it over and says so', async () => {
  const { device, warnings } = await bootBackend();
  expect(device).toBe('cpu');
  expect(warnings.length).toBe(2);
  expect(warnings[1]).toContain('wasm passed over: bootBackend: expected a working wasm device');
});
