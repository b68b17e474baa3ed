import { LatteFlowError } from '@latte-flow/core';

import { fileNotFound } from './file-reader.ts';

interface RequestOptions {
  /** The public function that reads, for error messages. */
  readonly where: string;
  readonly stallTimeout: number;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer whose body is still to be read; `end` is called when that is done. */
export interface HttpRequest {
  readonly response: Response;
  /** To be called at every sign of life: restarts the clock that gives up a silent server. */
  readonly alive: () => void;
  /** What to throw for a failure while the body was read. */
  readonly failure: (cause: unknown) => unknown;
  readonly end: () => void;
}

/** A server that answers unknown paths with its start page has not got the file. */
export function holdsFile(response: Response): boolean {
  return response.ok && !(response.headers.get('content-type') ?? '').startsWith('text/html');
}

/** `HTTP 404 text/plain` */
export function statusOf({ status, headers }: Response): string {
  return `HTTP ${status} ${headers.get('content-type') ?? ''}`.trim();
}

/**
 * Asks for a URL, and gives up after `stallTimeout` milliseconds without a sign of life.
 * @throws LatteFlowError `file-not-found` if there is no answer; the signal's reason on abort
 */
export async function httpRequest(
  url: string,
  { where, stallTimeout, signal, headers }: RequestOptions,
): Promise<HttpRequest> {
  const stalled = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = () => clearTimeout(timer);
  const alive = () => {
    end();
    const silence = new Error(`nothing for ${stallTimeout} ms`);
    timer = setTimeout(() => stalled.abort(silence), stallTimeout);
  };
  const failure = (cause: unknown): unknown => {
    if (signal?.aborted) return signal.reason;
    if (LatteFlowError.isInstance(cause)) return cause;
    if (stalled.signal.aborted) {
      return fileNotFound(where, url, {
        cause: stalled.signal.reason,
        remedy: 'The server has stalled: try again later.',
      });
    }
    return fileNotFound(where, url, { cause, remedy: 'The connection broke off: try again.' });
  };
  alive();
  const signals = signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal]);
  try {
    const response = await fetch(url, { signal: signals, headers });
    return { response, alive, failure, end };
  } catch (cause) {
    end();
    if (signal?.aborted || stalled.signal.aborted) throw failure(cause);
    throw fileNotFound(where, url, {
      cause,
      remedy: 'Check the connection, and that the server allows requests from this origin.',
    });
  }
}
