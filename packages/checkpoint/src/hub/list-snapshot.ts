import { describeValue, LatteFlowError } from '@latte-flow/core';

import { isInnerPath } from '../file-reader.ts';
import { contentError } from './hub-errors.ts';
import type { HubSettings } from './hub-settings.ts';
import { requestHub, retrying } from './request.ts';

/** A file of a model on the Hub, as the Hub describes it. */
export interface HubFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** SHA-256 of the content for large files (LFS), git's SHA-1 of the blob for the others. Hexadecimal. */
  readonly hash: string;
  readonly hashKind: 'sha256' | 'git-sha1';
}

/** What a revision holds. */
export interface HubSnapshot {
  /** The commit that the revision names. */
  readonly commit: string;
  readonly endpoint: string;
  readonly files: readonly HubFile[];
}

const SHA1 = /^[0-9a-f]{40}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** True for a whole commit hash, which names itself. */
export const isCommit = (revision: string): boolean => SHA1.test(revision);

async function hubClient() {
  try {
    return await import('@huggingface/hub');
  } catch (cause) {
    throw new LatteFlowError('dependency-missing', {
      where: 'openHubStore',
      expected: 'the package @huggingface/hub, which speaks to the Hub',
      got: 'none',
      remedy: 'npm install @huggingface/hub, or pass the path or URL of a folder.',
      cause,
    });
  }
}

interface ListedFile {
  readonly type: string;
  readonly path: string;
  readonly size: number;
  readonly oid?: string;
  readonly lfs?: { readonly oid: string; readonly size: number };
}

/** Hashes become names of files on this machine, so they are checked, as paths are before. */
function hubFile({ path, size, oid, lfs }: ListedFile, id: string): HubFile {
  const hash = lfs?.oid ?? oid ?? '';
  const bytes = lfs?.size ?? size;
  const isSound = (lfs === undefined ? SHA1 : SHA256).test(hash) && Number.isSafeInteger(bytes);
  if (!isSound || bytes < 0) {
    throw contentError(id, {
      expected: 'to be listed with sizes and hashes',
      got: `${describeValue(path)} of ${describeValue(bytes)} bytes with hash ${describeValue(hash)}`,
    });
  }
  return { path, size: bytes, hash, hashKind: lfs === undefined ? 'git-sha1' : 'sha256' };
}

/**
 * Asks the Hub, through its client, which commit a revision is and which files that holds.
 * @throws LatteFlowError `dependency-missing`, `access-denied`, `file-not-found`, `download-failed`,
 * `checkpoint-invalid`; the signal's reason on abort
 */
export async function listSnapshot(settings: HubSettings): Promise<HubSnapshot> {
  const { HUB_URL, listFiles, modelInfo } = await hubClient();
  const { id, revision } = settings;
  const endpoint = settings.endpoint ?? HUB_URL;
  // The client knows no signal and no time limit, and its errors leave out the Hub's own code.
  const ask: typeof fetch = async (input, init) => {
    const subject = input.toString().includes('/tree/') ? id : `${id} (revision ${revision})`;
    const { response, body } = await requestHub(input.toString(), { init, subject, endpoint, settings });
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of body()) chunks.push(chunk as Uint8Array<ArrayBuffer>);
    return new Response(new Blob(chunks), { status: response.status, headers: response.headers });
  };
  return retrying(
    async () => {
      try {
        const { sha } = await modelInfo({
          name: id,
          revision,
          additionalFields: ['sha'],
          hubUrl: endpoint,
          fetch: ask,
        });
        if (!isCommit(sha)) throw contentError(id, { expected: 'to name a commit', got: describeValue(sha) });
        const repo = { type: 'model', name: id } as const;
        const files: HubFile[] = [];
        for await (const entry of listFiles({ repo, revision: sha, recursive: true, hubUrl: endpoint, fetch: ask })) {
          // Of what has a name that leaves the folder, or that no URL can spell, nothing is needed.
          if (entry.type === 'file' && isInnerPath(entry.path)) files.push(hubFile(entry, id));
        }
        return { commit: sha, endpoint, files };
      } catch (cause) {
        if (LatteFlowError.isInstance(cause) || settings.signal?.aborted) throw cause;
        throw contentError(id, {
          expected: 'to be described by the Hub',
          got: cause instanceof Error ? cause.message : 'another answer',
        });
      }
    },
    { settings },
  );
}
