export interface OrderedRun {
  /** How many run at once. */
  readonly parallel: number;
  readonly run: (name: string) => Promise<void>;
}

/**
 * Runs a task for each key of `needs`, after the tasks of those keys that it needs; names that are no key count as done.
 * @throws Error if the needs form a cycle; what a task throws, once the tasks under way have ended
 */
export async function eachInOrder(needs: ReadonlyMap<string, readonly string[]>, { parallel, run }: OrderedRun) {
  const waiting = new Set(needs.keys());
  const unfinished = new Set(needs.keys());
  const running = new Set<Promise<void>>();
  const isReady = (name: string) => (needs.get(name) ?? []).every((needed) => !unfinished.has(needed));
  const start = (name: string): void => {
    waiting.delete(name);
    const task = run(name).then(() => {
      unfinished.delete(name);
      running.delete(task);
    });
    running.add(task);
  };
  try {
    while (unfinished.size > 0) {
      for (const name of waiting) if (running.size < parallel && isReady(name)) start(name);
      if (running.size === 0) throw new Error(`A cycle of dependencies among ${[...waiting].join(', ')}.`);
      await Promise.race(running);
    }
  } finally {
    await Promise.allSettled(running);
  }
}
