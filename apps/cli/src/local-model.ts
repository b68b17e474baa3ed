import { stat } from 'node:fs/promises';

import { downloadModel, isHubId } from '@latte-flow/checkpoint/hub';
import type { OnProgress } from '@latte-flow/core';

/**
 * The folder of a model: `model` itself, or, where no such path exists and it is `owner/name`, the cache's folder of
 * that model on the Hub, downloaded as far as it is not there.
 * @throws LatteFlowError as `downloadModel` of `@latte-flow/checkpoint/hub`
 */
export async function localModel(
  model: string,
  options: { readonly signal?: AbortSignal; readonly onProgress?: OnProgress },
): Promise<string> {
  const exists = await stat(model).then(
    () => true,
    () => false,
  );
  return exists || !isHubId(model) ? model : downloadModel(model, options);
}
