import type { FileStore } from '@latte-flow/checkpoint';
import { describeValue, LatteFlowError } from '@latte-flow/core';

import { ConfigFields } from './config/json-object.ts';
import { DcAutoencoder } from './dc-autoencoder.ts';
import { openAutoencoderFolder, type LoadOptions } from './load-weights.ts';
import { TinyAutoencoder } from './tiny-autoencoder.ts';

/** The classes of diffusers that can be loaded. */
const CLASSES = ['AutoencoderDC', 'AutoencoderTiny'];

/**
 * Loads an autoencoder of whichever class its config.json names: path, URL, `owner/name` on the Hub or open store.
 * @throws LatteFlowError `unsupported` for another class, or as `fromPretrained` of the class
 */
export async function loadAutoencoder(
  location: string | FileStore,
  options: LoadOptions = {},
): Promise<DcAutoencoder | TinyAutoencoder> {
  const { store, json } = await openAutoencoderFolder(location, options);
  const name = new ConfigFields(json).text('_class_name', '');
  // The folder is the subfolder already.
  const inside = { ...options, subfolder: undefined };
  if (name === 'AutoencoderDC') return DcAutoencoder.fromPretrained(store, inside);
  if (name === 'AutoencoderTiny') return TinyAutoencoder.fromPretrained(store, inside);
  throw new LatteFlowError('unsupported', {
    where: 'loadAutoencoder',
    expected: `a config.json whose _class_name is one of ${CLASSES.join(', ')}`,
    got: describeValue(name),
    remedy: 'Load an autoencoder of one of these classes.',
    data: { className: name, known: CLASSES },
  });
}
