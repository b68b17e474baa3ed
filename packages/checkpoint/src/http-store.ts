import { isAbort } from '@latte-flow/core';

import { fileNotFound, type FileReader, type ReadOptions } from './file-reader.ts';

const WHERE = 'FileStore.read';

async function request(url: string, signal: AbortSignal | undefined): Promise<Response> {
  try {
    return await fetch(url, { signal });
  } catch (cause) {
    if (isAbort(cause, signal) || signal?.aborted) throw signal?.reason ?? cause;
    throw fileNotFound(WHERE, url, {
      cause,
      remedy: 'Check the connection, and that the server allows requests from this origin.',
    });
  }
}

/** A server that answers unknown paths with its start page has not got the file. */
function holdsFile(response: Response): boolean {
  return response.ok && !(response.headers.get('content-type') ?? '').startsWith('text/html');
}

function sizeOf(response: Response): number | undefined {
  const length = Number(response.headers.get('content-length'));
  const plain = response.headers.get('content-encoding') === null;
  return plain && Number.isSafeInteger(length) && length > 0 ? length : undefined;
}

async function readBody(response: Response, { onBytes }: ReadOptions): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array(await response.arrayBuffer());
  const total = sizeOf(response);
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    loaded += part.value.length;
    onBytes?.(loaded, total);
  }
  const bytes = new Uint8Array(loaded);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** Files below an http(s) URL, which may end with a slash or not. */
export function httpStore(location: string): FileReader {
  const base = location.endsWith('/') ? location : `${location}/`;
  const urlOf = (path: string) => new URL(path.split('/').map(encodeURIComponent).join('/'), base).href;
  return {
    async read(path, options) {
      const url = urlOf(path);
      const response = await request(url, options.signal);
      if (!holdsFile(response)) {
        await response.body?.cancel();
        throw fileNotFound(WHERE, url, {
          cause: new Error(`HTTP ${response.status} ${response.headers.get('content-type') ?? ''}`.trim()),
        });
      }
      try {
        return await readBody(response, options);
      } catch (cause) {
        if (options.signal?.aborted) throw options.signal.reason;
        throw fileNotFound(WHERE, url, { cause, remedy: 'The connection broke off: try again.' });
      }
    },
    async exists(path) {
      const response = await request(urlOf(path), undefined);
      await response.body?.cancel();
      return holdsFile(response);
    },
  };
}
