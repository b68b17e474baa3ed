import { blobReader } from './blob-file.ts';
import { storeOf, type FileStore } from './file-store.ts';

/**
 * A folder of Blobs, path -> Blob: files that a person chose in a browser (`<input type="file" webkitdirectory>`), or
 * that were dropped there.
 */
export function blobStore(files: ReadonlyMap<string, Blob>, { location = 'the chosen files' } = {}): FileStore {
  return storeOf(location, blobReader(files));
}
