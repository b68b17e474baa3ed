import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** How the server fails; each is used up by one request for the file, unless it is said to last. */
export type Fault =
  /** Half of what was asked for, then the connection is gone. */
  | 'cut'
  /** Half of what was asked for, then silence. */
  | 'stall'
  /** The whole file, whatever range was asked for. */
  | 'ignore-range'
  /** A part that begins elsewhere. */
  | 'other-range'
  /** A length other than the listed one, with as many bytes. */
  | 'shorter'
  | 'longer'
  /** More bytes than are listed, with no length given. */
  | 'endless'
  /** As many bytes as are listed, but others. */
  | 'other-bytes'
  /** Half of it, ended properly, with no length given. */
  | 'half'
  /** The file compressed, as servers do with text. */
  | 'gzip'
  /** An HTTP status. */
  | number;

export interface FakeHubRequest {
  readonly method: string;
  readonly path: string;
  readonly range?: string;
  readonly authorization?: string;
  /** True if it came to the host that large files are redirected to. */
  readonly isCdn: boolean;
}

export interface FakeHubOptions {
  readonly id: string;
  readonly files: Readonly<Record<string, Uint8Array | string>>;
  /** Without it in the request the model is not shown. */
  readonly token?: string;
  /** The answer to everything: status and the Hub's own code. */
  readonly refusal?: { readonly status: number; readonly code?: string };
  /** Bytes from which on a file is an LFS file. Default 1,000. */
  readonly lfsBytes?: number;
}

export interface FakeHub {
  readonly endpoint: string;
  readonly commit: string;
  readonly requests: FakeHubRequest[];
  /** The hash that the listing gives. */
  hashOf(path: string): string;
  /** What the next requests for the file meet. */
  fail(path: string, ...faults: Fault[]): void;
  close(): Promise<void>;
}

/** So many files are listed on a page. */
const PAGE = 3;
export const FAKE_COMMIT = '0123456789abcdef0123456789abcdef01234567';

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
}

/** A Hub with one model, on this machine: its API, its files, and a second host that large files come from. */
export async function startFakeHub({ id, files, token, refusal, lfsBytes = 1_000 }: FakeHubOptions): Promise<FakeHub> {
  const requests: FakeHubRequest[] = [];
  const faults = new Map<string, Fault[]>();
  const contents = new Map(
    Object.entries(files).map(([path, content]) => [path, Buffer.from(content as Uint8Array)] as const),
  );
  const isLfs = (content: Uint8Array): boolean => content.length >= lfsBytes;
  const hashOf = (path: string): string => {
    const content = contents.get(path)!;
    if (isLfs(content)) return createHash('sha256').update(content).digest('hex');
    return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  };

  function sendFile(request: IncomingMessage, response: ServerResponse, path: string): void {
    const content = contents.get(path)!;
    const fault = faults.get(path)?.shift();
    if (typeof fault === 'number') return void response.writeHead(fault).end();
    if (fault === 'gzip') {
      const body = gzipSync(content);
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length }).end(body);
      return;
    }
    const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    let begin = fault === 'ignore-range' || match === null ? 0 : Number(match[1]);
    if (begin >= content.length && begin > 0) {
      return void response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    }
    if (fault === 'other-range') begin += 1;
    const end = match?.[2] ? Number(match[2]) + 1 : content.length;
    let body: Buffer = content.subarray(begin, end);
    if (fault === 'other-bytes') body = Buffer.from(body.map((byte) => byte ^ 1));
    if (fault === 'shorter') body = body.subarray(0, -1);
    if (fault === 'longer' || fault === 'endless') body = Buffer.concat([body, body]);
    const isPart = match !== null && fault !== 'ignore-range';
    const length = fault === 'endless' || fault === 'half' ? {} : { 'content-length': body.length };
    const range = isPart ? { 'content-range': `bytes ${begin}-${begin + body.length - 1}/${content.length}` } : {};
    response.writeHead(isPart ? 206 : 200, { etag: `"${hashOf(path)}"`, ...length, ...range });
    const half = body.subarray(0, Math.ceil(body.length / 2));
    if (request.method === 'HEAD') response.end();
    else if (fault === 'half') response.end(half);
    else if (fault === 'cut') response.write(half, () => setTimeout(() => response.destroy(), 20));
    else if (fault === 'stall') response.write(half);
    else response.end(body);
  }

  function note(request: IncomingMessage, isCdn: boolean): string {
    const path = decodeURIComponent(new URL(request.url!, 'http://localhost').pathname);
    const { range, authorization } = request.headers;
    requests.push({ method: request.method!, path, range, authorization, isCdn });
    return path;
  }

  /** Pages ask from an origin of their own. */
  function allowPages(request: IncomingMessage, response: ServerResponse): boolean {
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-headers', 'authorization, range');
    response.setHeader('access-control-expose-headers', 'content-range, content-length, etag, link, x-error-code');
    if (request.method === 'OPTIONS') response.writeHead(204).end();
    return request.method === 'OPTIONS';
  }

  const cdn = createServer((request, response) => {
    if (allowPages(request, response)) return;
    sendFile(request, response, note(request, true).slice(1));
  });
  const cdnOrigin = await listen(cdn);

  function sendJson(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  }

  function refuse(response: ServerResponse, status: number, code?: string): void {
    response.writeHead(status, code === undefined ? {} : { 'x-error-code': code }).end();
  }

  function sendList(response: ServerResponse, url: URL): void {
    const begin = Number(url.searchParams.get('cursor') ?? 0);
    const entries = [...contents].map(([path, content]) => ({
      type: 'file',
      path,
      size: content.length,
      oid: isLfs(content) ? 'f'.repeat(40) : hashOf(path),
      ...(isLfs(content) ? { lfs: { oid: hashOf(path), size: content.length, pointerSize: 130 } } : {}),
    }));
    url.searchParams.set('cursor', String(begin + PAGE));
    const next = begin + PAGE < entries.length ? { link: `<${url.href}>; rel="next"` } : undefined;
    sendJson(
      response,
      [{ type: 'directory', path: 'folder', size: 0, oid: '' }, ...entries.slice(begin, begin + PAGE)],
      next,
    );
  }

  const hub = createServer((request, response) => {
    if (allowPages(request, response)) return;
    const path = note(request, false);
    const url = new URL(request.url!, endpoint);
    if (refusal !== undefined) return refuse(response, refusal.status, refusal.code);
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return refuse(response, 401, 'RepoNotFound');
    const fault = path.startsWith('/api/') ? faults.get('api')?.shift() : undefined;
    if (typeof fault === 'number') return refuse(response, fault);
    const [info, tree] = [`/api/models/${id}/revision/`, `/api/models/${id}/tree/${FAKE_COMMIT}`];
    const resolved = new RegExp(`^/${id}/resolve/(main|${FAKE_COMMIT})/(.*)$`).exec(path);
    if (path.startsWith(info)) {
      const revision = path.slice(info.length);
      if (!['main', 'v1', 'refs/pr/1', FAKE_COMMIT].includes(revision))
        return refuse(response, 404, 'RevisionNotFound');
      return sendJson(response, { _id: '1', id, sha: FAKE_COMMIT, lastModified: '2026-01-01T00:00:00.000Z' });
    }
    if (path === tree) return sendList(response, url);
    const content = resolved === null ? undefined : contents.get(resolved[2]!);
    if (content === undefined) return refuse(response, 404, resolved === null ? 'RepoNotFound' : 'EntryNotFound');
    const file = resolved![2]!;
    response.setHeader('x-repo-commit', FAKE_COMMIT);
    if (!isLfs(content)) return sendFile(request, response, file);
    const headers = { 'x-linked-etag': `"${hashOf(file)}"`, 'x-linked-size': String(content.length) };
    return void response.writeHead(302, { ...headers, location: `${cdnOrigin}/${file}` }).end();
  });
  const endpoint = await listen(hub);

  return {
    endpoint,
    commit: FAKE_COMMIT,
    requests,
    hashOf,
    fail: (path, ...added) => void faults.set(path, [...(faults.get(path) ?? []), ...added]),
    async close() {
      for (const server of [hub, cdn]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}
