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
