import { answerError, connectionError, isTransient } from './hub-errors.ts';
import type { HubSettings } from './hub-settings.ts';

/** Tries without a byte of progress before the error is the caller's. */
const ATTEMPTS = 5;

/** An answer of the Hub. `body` gives the stream's chunks and fails if the server falls silent. */
export interface HubAnswer {
  readonly response: Response;
  body(): AsyncGenerator<Uint8Array, void, void>;
  cancel(): Promise<void>;
}

/** What a failed connection says of itself, e.g. ECONNREFUSED. */
function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return inner instanceof Error ? inner.message || inner.name : 'a failure';
}

/**
 * One request. The token goes to the endpoint's origin alone: `fetch` drops it where a redirect leaves that origin.
 *
 * @param subject what is asked for, in words
 * @param endpoint the Hub's URL, which the token is for
 * @throws LatteFlowError for any answer that is no success, except 416; the signal's reason on abort
 */
export async function requestHub(
  url: string,
  {
    init = {},
    subject,
    endpoint,
    settings,
  }: { init?: RequestInit; subject: string; endpoint: string; settings: HubSettings },
): Promise<HubAnswer> {
  const { signal, stallTimeout, accessToken } = settings;
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), stallTimeout);
  };
  const failure = (cause: unknown): unknown => {
    if (signal?.aborted) return signal.reason;
    const got = silence.signal.aborted ? `nothing for ${stallTimeout} ms` : reasonOf(cause);
    return connectionError(subject, { got, cause });
  };
  const headers = new Headers(init.headers);
  const isEndpoint = new URL(url).origin === new URL(endpoint).origin;
  if (accessToken !== undefined && isEndpoint) headers.set('authorization', `Bearer ${accessToken}`);
  const signals = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
  alive();
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers, signal: signals });
  } catch (cause) {
    clearTimeout(timer);
    throw failure(cause);
  }
  const cancel = async () => {
    clearTimeout(timer);
    await response.body?.cancel().catch(() => {});
  };
  if (!response.ok && response.status !== 416) {
    await cancel();
    throw answerError(response, { subject, hasToken: accessToken !== undefined });
  }
  async function* body(): AsyncGenerator<Uint8Array, void, void> {
    const reader = response.body?.getReader();
    try {
      for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
        alive();
        yield part.value;
      }
    } catch (cause) {
      throw failure(cause);
    } finally {
      clearTimeout(timer);
      // A server that goes on sending what nobody reads would hold the connection.
      await reader?.cancel().catch(() => {});
    }
  }
  return { response, body, cancel };
}

/** Resolves after `milliseconds`, or rejects with the signal's reason. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const aborted = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

/**
 * Runs `task` until it succeeds, with growing pauses, as long as another try may help. `progress` says how far it has
 * come: a try that came further counts as the first.
 */
export async function retrying<T>(
  task: () => Promise<T>,
  { settings, progress = () => 0 }: { settings: HubSettings; progress?: () => number },
): Promise<T> {
  const { signal, retryDelay } = settings;
  let failures = 0;
  for (;;) {
    const before = progress();
    try {
      return await task();
    } catch (error) {
      if (signal?.aborted || !isTransient(error)) throw error;
      failures = progress() > before ? 1 : failures + 1;
      if (failures >= ATTEMPTS) throw error;
      await pause(retryDelay * 2 ** (failures - 1), signal);
    }
  }
}
