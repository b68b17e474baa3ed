import { open } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** Serves a folder with range requests on this machine; gives the server and its URL. */
export async function serveFolder(folder: string): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    void (async () => {
      const handle = await open(join(folder, decodeURIComponent(request.url ?? ''))).catch(() => undefined);
      if (handle === undefined) return response.writeHead(404).end();
      const { size } = await handle.stat();
      response.on('close', () => void handle.close().catch(() => {}));
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
      const [start, end] = first === undefined ? [0, size - 1] : [Number(first), Math.min(Number(last), size - 1)];
      response.writeHead(first === undefined ? 200 : 206, {
        'content-length': end - start + 1,
        ...(first === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${size}` }),
      });
      return handle.createReadStream({ start, end }).pipe(response);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
