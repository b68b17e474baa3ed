import { storeOf, type FileStore } from '../file-store.ts';
import { hubReader } from './hub-reader.ts';
import type { HubOptions } from './hub-settings.ts';

/**
 * Brings a model from the Hugging Face Hub into the cache, as far as it is not there, and opens it for reading.
 *
 * @param id `owner/name`
 * @throws LatteFlowError `invalid-argument`, `dependency-missing` (without `@huggingface/hub`), `file-not-found` (no such
 * model, revision or shard, or nothing in the cache with `localFilesOnly`), `access-denied` (private or gated),
 * `download-failed` (the connection; what has come is kept), `checkpoint-invalid` (wrong size or hash; nothing is kept),
 * `file-not-writable`, `unsupported` (a page without caches); the signal's reason on abort
 */
export async function openHubStore(id: string, options: HubOptions = {}): Promise<Required<FileStore>> {
  return storeOf(id, await hubReader(id, options));
}
