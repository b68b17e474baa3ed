import { throwIfAborted } from '@latte-flow/core';
import { add, fill, keep, tidy, type Tensor } from '@tensorflow/tfjs-core';

/** Milliseconds of one repetition: the median of the rounds, and the fastest and slowest. */
export interface Timing {
  readonly ms: number;
  readonly ms_min: number;
  readonly ms_max: number;
  /** Repetitions that are enqueued before the one wait of a round. */
  readonly repetitions: number;
  readonly rounds: number;
}

export interface ClockOptions {
  readonly rounds: number;
  readonly signal?: AbortSignal;
}

/** What a round should take at least, so that its one wait does not count; and repetitions at most, for tiny work. */
const ROUND_MS = 60;
const MAX_REPETITIONS = 500;

/** More elements than TensorFlow.js hands to the CPU instead of the device. */
const PROBE_SIZE = 4096;

/** Waits until a device has done all that was asked of it. */
export interface Wait {
  settle(): Promise<void>;
}

/** Waits until the device has done all that was asked of it, by reading the result of a last, small op. */
export class DeviceWait implements Wait {
  readonly #base: Tensor = keep(fill([PROBE_SIZE], 1));

  async settle(): Promise<void> {
    const probe = tidy(() => add(this.#base, 1));
    try {
      await probe.data();
    } finally {
      probe.dispose();
    }
  }

  dispose(): void {
    this.#base.dispose();
  }
}

/**
 * Times work that leaves no tensors. It warms up for as long as all rounds should take (pipelines compile, and a device that was
 * idle takes its time to reach its clock rate), learns how often the work fits into a round, then makes `rounds` rounds of
 * repetitions with one wait at the end. Nothing is subtracted.
 */
export async function clock(
  work: () => void | Promise<void>,
  { rounds, signal, wait }: ClockOptions & { wait: Wait },
): Promise<Timing> {
  const round = async (repetitions: number): Promise<number> => {
    throwIfAborted(signal);
    const start = performance.now();
    for (let i = 0; i < repetitions; i++) {
      const enqueued = work();
      if (enqueued !== undefined) await enqueued;
    }
    await wait.settle();
    return (performance.now() - start) / repetitions;
  };
  await round(1);
  const began = performance.now();
  do await round(1);
  while (performance.now() - began < rounds * ROUND_MS);
  const once = await round(1);
  const repetitions = Math.min(MAX_REPETITIONS, Math.max(1, Math.ceil(ROUND_MS / once)));
  const times: number[] = [];
  while (times.length < rounds) times.push(await round(repetitions));
  times.sort((a, b) => a - b);
  return { ms: median(times), ms_min: times[0]!, ms_max: times.at(-1)!, repetitions, rounds };
}

/** Of numbers in ascending order. */
function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
