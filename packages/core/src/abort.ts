/**
 * Throws `signal.reason` (a DOMException named AbortError unless the caller chose another) if `signal` was aborted.
 * The only error outside the `LatteFlowError` family.
 */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  signal?.throwIfAborted();
}

/** True for the errors that an aborted `signal` throws. */
export function isAbort(error: unknown, signal: AbortSignal | undefined): boolean {
  if (signal?.aborted && error === signal.reason) return true;
  return error instanceof DOMException && error.name === 'AbortError';
}

/** Milliseconds of uninterrupted work after which timers, input and signals get a turn. */
const TURN_MS = 50;

/**
 * For long loops over work that blocks the thread: returns a function to await between two pieces of it, which lets
 * the event loop turn every 50 ms. Without it an abort by a key, a click or Ctrl-C would be heard only at the end.
 */
export function eventTurns(): () => Promise<void> | undefined {
  let turned = performance.now();
  return () => {
    if (performance.now() - turned < TURN_MS) return undefined;
    return new Promise((resolve) =>
      setTimeout(() => {
        turned = performance.now();
        resolve();
      }),
    );
  };
}
