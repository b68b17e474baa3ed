import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { LatteFlowError, type OnProgress } from '@latte-flow/core';
import type { BootedBackend, DeviceOption } from '@latte-flow/runtime';

import { bootDevice } from './boot-device.ts';
import type { ProgressLine } from './progress-line.ts';
import type { Terminal } from './terminal.ts';

/** What names the autoencoder that comes with this program, in files of latents too: its folder differs by machine. */
export const SHIPPED_AUTOENCODER = '@latte-flow/emoji/autoencoder';

/**
 * The folder of the checkpoint that comes with this program.
 * @throws LatteFlowError `dependency-missing` where the program runs without its packages, as one bundled file
 */
export function shippedModel(): string {
  return shippedFolder('checkpoint');
}

/**
 * Where an autoencoder is: the shipped one's folder for its name, any other as it is.
 * @throws LatteFlowError `dependency-missing`, as `shippedModel`
 */
export function autoencoderLocation(name: string): string {
  return name === SHIPPED_AUTOENCODER ? shippedFolder('autoencoder') : name;
}

function shippedFolder(name: 'checkpoint' | 'autoencoder'): string {
  try {
    const manifest = createRequire(import.meta.url).resolve('@latte-flow/emoji/package.json');
    return join(dirname(manifest), name);
  } catch (cause) {
    throw new LatteFlowError('dependency-missing', {
      where: 'latte',
      expected: 'the package @latte-flow/emoji, which holds the model',
      got: 'none',
      remedy: 'Install it, or name another model with --model.',
      cause,
    });
  }
}

/** A loaded model on a booted backend, and how long that took. */
export interface ModelSession<Model> {
  readonly model: Model;
  readonly backend: BootedBackend;
  readonly loadSeconds: number;
}

interface SessionOptions<Model> {
  readonly location: string;
  readonly device: DeviceOption;
  readonly progress: ProgressLine;
  readonly load: (
    location: string,
    options: { readonly signal?: AbortSignal; readonly onProgress: OnProgress },
  ) => Promise<Model>;
}

/** Boots the device and loads the model; the caller disposes of it. What is worth a warning goes to stderr. */
export async function openModel<Model>(
  { location, device, progress, load }: SessionOptions<Model>,
  terminal: Terminal,
): Promise<ModelSession<Model>> {
  const { signal } = terminal;
  const elapsed = stopwatch();
  const backend = await bootDevice(device, terminal);
  const model = await load(location, { signal, onProgress: progress.show });
  progress.end();
  return { model, backend, loadSeconds: elapsed() };
}

/** Seconds since it was made, to the millisecond. */
export function stopwatch(): () => number {
  const start = performance.now();
  return () => Math.round(performance.now() - start) / 1000;
}
