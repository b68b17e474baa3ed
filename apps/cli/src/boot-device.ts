import { bootBackend, type BootedBackend, type DeviceOption } from '@latte-flow/runtime';

import { say, type Terminal } from './terminal.ts';
import { loadTuning } from './tuning-file.ts';

/** Boots a device for a command, with what `latte tune` found on it. What is worth a warning goes to stderr. */
export async function bootDevice(device: DeviceOption, terminal: Terminal): Promise<BootedBackend> {
  const backend = await bootBackend({ device, signal: terminal.signal });
  for (const warning of backend.warnings) say(terminal, `warning: ${warning}`);
  if (backend.device === 'webgpu') await loadTuning(terminal);
  return backend;
}
