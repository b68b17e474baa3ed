import { availableParallelism, cpus, totalmem, type } from 'node:os';

/** Where and when a result was measured. */
export function machine() {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      memory_bytes: totalmem(),
      system: `${type()} ${process.arch}`,
    },
    versions: { node: process.versions.node, v8: process.versions.v8 },
  };
}
