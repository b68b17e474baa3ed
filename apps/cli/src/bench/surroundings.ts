import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { webgpuDevice, type BootedBackend } from '@latte-flow/runtime';
import { version_core } from '@tensorflow/tfjs-core';

import type { Terminal } from '../terminal.ts';
import { describeMachine } from './machine.ts';
import type { OnnxRuntime } from './onnx/runtime.ts';
import manifest from '../../package.json' with { type: 'json' };

/** Limits that decide which kernels run. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
] as const;

/** The commit of the checkout that this file is in, `-dirty` where it was changed; null outside of one. */
async function checkoutCommit(): Promise<string | null> {
  const folder = dirname(fileURLToPath(import.meta.url));
  if (folder.includes('node_modules')) return null; // somebody else's checkout
  const describe = ['-C', folder, 'describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'];
  return promisify(execFile)('git', describe).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
}

/** The npm package's version; of a file that `LATTE_DAWN` names, its hash. */
async function dawnVersion(file: string | undefined): Promise<string | null> {
  if (file !== undefined) {
    const bytes = await readFile(file);
    return `${basename(file)} sha256 ${createHash('sha256').update(bytes).digest('hex')}`;
  }
  try {
    const { version } = createRequire(import.meta.url)('webgpu/package.json') as { version: string };
    return `webgpu ${version}`;
  } catch {
    return null;
  }
}

function adapterOf(info: object) {
  // The names are getters of the prototype, and drivers add their own.
  const { vendor, architecture, device, description, driver, backend } = info as Record<string, string | undefined>;
  return { vendor, architecture, device, description, driver, backend };
}

/** Where and with what a result was measured, as it stands in the JSON. */
export async function surroundings(
  booted: BootedBackend,
  { env, onnxRuntime }: { env: Terminal['env']; onnxRuntime: OnnxRuntime | undefined },
) {
  const device = webgpuDevice();
  return {
    date: new Date().toISOString(),
    machine: describeMachine(),
    device: booted.device,
    adapter: device === undefined ? null : adapterOf(device.adapterInfo),
    features: device === undefined ? [] : [...device.features].sort(),
    limits: device === undefined ? {} : Object.fromEntries(LIMITS.map((name) => [name, device.limits[name]])),
    versions: {
      node: process.versions.node,
      tensorflow_js: version_core,
      dawn: device === undefined ? null : await dawnVersion(env['LATTE_DAWN']),
      onnxruntime_web: onnxRuntime?.env.versions.web ?? null,
      latte_flow: manifest.version,
      // A bundle has no checkout around it: it brings the commit that it was made from.
      commit: env['LATTE_COMMIT'] ?? (await checkoutCommit()),
    },
  };
}
