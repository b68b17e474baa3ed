import type { HubFile } from './list-snapshot.ts';
import type { NodeBuiltins } from './node-builtins.ts';
import { Sha256 } from './sha256.ts';

/** The hash that the Hub lists for a file, of bytes that come piece by piece. */
export interface ContentHash {
  update(bytes: Uint8Array): void;
  /** Hexadecimal. */
  digest(): Promise<string>;
}

export type ContentHasher = (file: HubFile) => ContentHash;

/** Git hashes a blob behind this header. */
const gitHeader = ({ size }: HubFile): Uint8Array => new TextEncoder().encode(`blob ${size}\0`);

/** By Node's crypto. */
export function nodeHasher({ crypto }: NodeBuiltins): ContentHasher {
  return (file) => {
    const hash = crypto.createHash(file.hashKind === 'sha256' ? 'sha256' : 'sha1');
    if (file.hashKind === 'git-sha1') hash.update(gitHeader(file));
    return { update: (bytes) => void hash.update(bytes), digest: async () => hash.digest('hex') };
  };
}

const hex = (digest: ArrayBuffer): string =>
  Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** By WebCrypto where the Hub lists SHA-1, which is for files of a few megabytes, and otherwise by our own SHA-256. */
export const webHasher: ContentHasher = (file) => {
  if (file.hashKind === 'sha256') {
    const hash = new Sha256();
    return { update: (bytes) => hash.update(bytes), digest: async () => hash.digest() };
  }
  const pieces: BlobPart[] = [gitHeader(file) as Uint8Array<ArrayBuffer>];
  return {
    update: (bytes) => void pieces.push(bytes.slice() as Uint8Array<ArrayBuffer>),
    digest: async () => hex(await crypto.subtle.digest('SHA-1', await new Blob(pieces).arrayBuffer())),
  };
};
