import { fileNotFound, type FileReader, type ReadOptions } from './file-reader.ts';
import { openHttpFile } from './http-file.ts';
import { holdsFile, httpRequest, statusOf, type HttpRequest } from './http-request.ts';

const WHERE = 'FileStore.read';

function sizeOf(response: Response): number | undefined {
  const length = Number(response.headers.get('content-length'));
  const plain = response.headers.get('content-encoding') === null;
  return plain && Number.isSafeInteger(length) && length > 0 ? length : undefined;
}

async function readBody({ response, alive }: HttpRequest, { onBytes }: ReadOptions): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array(await response.arrayBuffer());
  const total = sizeOf(response);
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    alive();
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
export function httpStore(location: string, { stallTimeout }: { readonly stallTimeout: number }): FileReader {
  const base = location.endsWith('/') ? location : `${location}/`;
  const urlOf = (path: string) => new URL(path.split('/').map(encodeURIComponent).join('/'), base).href;
  const reader: FileReader = {
    async read(path, options) {
      const url = urlOf(path);
      const { signal } = options;
      const request = await httpRequest(url, { where: WHERE, signal, stallTimeout });
      try {
        if (!holdsFile(request.response)) {
          await request.response.body?.cancel();
          throw fileNotFound(WHERE, url, { cause: new Error(statusOf(request.response)) });
        }
        return await readBody(request, options);
      } catch (cause) {
        throw request.failure(cause);
      } finally {
        request.end();
      }
    },
    open: (path, options) =>
      openHttpFile(urlOf(path), { stallTimeout, whole: () => reader.read(path, options), ...options }),
    async exists(path) {
      const { response, end } = await httpRequest(urlOf(path), { where: WHERE, stallTimeout });
      await response.body?.cancel();
      end();
      return holdsFile(response);
    },
  };
  return reader;
}
