import { availableParallelism, cpus, release, totalmem, type } from 'node:os';

/** The machine that this runs on, as it stands in the JSON of results. */
export function describeMachine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory_bytes: totalmem(),
    system: `${type()} ${release()} ${process.arch}`,
  };
}
