import { describeValue, refuseArgument, requirePositive, type OnProgress } from '@latte-flow/core';

import { isInnerPath } from '../file-reader.ts';
import { isHubId } from './hub-id.ts';

/** Where a model comes from on the Hugging Face Hub, and where it is kept. */
export interface HubOptions {
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string;
  /**
   * Node: the folder of the cache; default as the Python library's: `HF_HUB_CACHE`, else `HF_HOME/hub`, else
   * `~/.cache/huggingface/hub`. Browsers: the name of the cache in the Cache API, default `latte-flow-hub`.
   */
  readonly cacheDir?: string;
  /** True asks nobody: what the cache holds, or an error. Default false, or true where `HF_HUB_OFFLINE` is set. */
  readonly localFilesOnly?: boolean;
  /** For private and gated models; sent to the endpoint alone. Default `HF_TOKEN`. */
  readonly accessToken?: string;
  /** The Hub's URL. Default `HF_ENDPOINT`, else the client's own. */
  readonly endpoint?: string;
  /** Takes the place of the choice of files: true for the paths that are needed. */
  readonly files?: (path: string) => boolean;
  /** How long the server may stay silent before the connection is given up, in milliseconds. Default 60,000. */
  readonly stallTimeout?: number;
  /** The pause before the first retry, in milliseconds; each further one is twice as long. Default 500. */
  readonly retryDelay?: number;
  /** Stage `download`, in bytes of all files, with the file at hand. */
  readonly onProgress?: OnProgress;
  /** An abort leaves what has come, and the next download goes on from there. */
  readonly signal?: AbortSignal;
}

/** The options with every default filled in but the client's endpoint. */
export interface HubSettings extends HubOptions {
  readonly id: string;
  readonly revision: string;
  readonly localFilesOnly: boolean;
  readonly stallTimeout: number;
  readonly retryDelay: number;
}

const WHERE = 'openHubStore';

const isSet = (value: string | undefined): boolean => /^(1|true|yes|on)$/i.test(value ?? '');

/**
 * Fills in defaults from the environment.
 * @throws LatteFlowError `invalid-argument`
 */
export function hubSettings(id: string, options: HubOptions): HubSettings {
  const env = globalThis.process?.env ?? {};
  if (!isHubId(id)) {
    refuseArgument({
      where: WHERE,
      expected: 'the name of a model on the Hub, owner/name',
      got: describeValue(id),
      remedy: 'Copy the name from the head of its page.',
    });
  }
  const { revision = 'main', stallTimeout = 60_000, retryDelay = 500 } = options;
  if (!isInnerPath(revision)) {
    refuseArgument({
      where: WHERE,
      expected: 'revision to be a branch, tag or commit',
      got: describeValue(revision),
      remedy: 'Leave it out for main.',
      data: { revision },
    });
  }
  const endpoint = (options.endpoint ?? (env['HF_ENDPOINT'] || undefined))?.replace(/\/+$/, '');
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:/i.test(endpoint))) {
    refuseArgument({
      where: WHERE,
      expected: 'endpoint (or HF_ENDPOINT) to be an http(s) URL',
      got: describeValue(endpoint),
      remedy: 'Leave it out for the public Hub.',
      data: { endpoint },
    });
  }
  return {
    ...options,
    id,
    revision,
    endpoint,
    localFilesOnly: options.localFilesOnly ?? isSet(env['HF_HUB_OFFLINE']),
    accessToken: options.accessToken ?? (env['HF_TOKEN']?.trim() || undefined),
    stallTimeout: requirePositive(WHERE, 'stallTimeout', stallTimeout),
    retryDelay: requirePositive(WHERE, 'retryDelay', retryDelay),
  };
}
