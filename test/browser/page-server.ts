import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';

export interface PageServer {
  readonly origin: string;
  /** Paths that were asked for, in order. */
  readonly requested: readonly string[];
  close(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html',
  js: 'text/javascript',
  json: 'application/json',
  wasm: 'application/wasm',
};

function send(response: ServerResponse, path: string, body: Uint8Array | string): void {
  const type = TYPES[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
  response.writeHead(200, { 'content-type': type }).end(body);
}

/**
 * Serves on 127.0.0.1: `files` by path, and whole folders by the path that they are mounted at, e.g. `/checkpoint/`.
 * Anything else is 404.
 */
export async function servePage(
  files: Readonly<Record<string, Uint8Array | string>>,
  folders: Readonly<Record<string, string>>,
): Promise<PageServer> {
  const requested: string[] = [];
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    requested.push(path);
    const file = files[path];
    if (file !== undefined) return send(response, path, file);
    const mount = Object.keys(folders).find((prefix) => path.startsWith(prefix));
    const found = mount === undefined ? Promise.reject() : readFile(join(folders[mount]!, path.slice(mount.length)));
    return void found.then(
      (body) => send(response, path, body),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    requested,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
