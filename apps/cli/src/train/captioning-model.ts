import { openFileStore } from '@latte-flow/checkpoint';
import { ParameterStore } from '@latte-flow/runtime';
import { initialiseParameters, parameterShapes } from '@latte-flow/vlm';
import {
  captioningLoss,
  disposeCaptionTensors,
  uploadCaptionBatch,
  type CaptionBatch,
  type CaptionTensors,
} from '@latte-flow/vlm/training';

import { parseTrainedBackbone } from './backbone-config.ts';
import { jsonFile } from './json-file.ts';
import type { LearnedModel } from './learned-model.ts';
import { sceneProcessorJson } from './scene-processor.ts';
import type { TrainingConfig } from './training-config.ts';

const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json'];

/** A vision-language model from nothing, taught to answer questions about scenes. */
export async function captioningModel({
  model,
  seed,
  backbone,
}: TrainingConfig): Promise<LearnedModel<CaptionTensors>> {
  const config = parseTrainedBackbone(model);
  const parameters = ParameterStore.upload(initialiseParameters(config, seed), {
    where: 'train',
    expected: parameterShapes(config),
    trainable: true,
  });
  return {
    parameters,
    // A batch of text alone gives the vision tower no gradients.
    block: (name) => (name.startsWith('visual.') ? 'vision' : 'text'),
    isCaptured: false,
    upload: (batch) => uploadCaptionBatch(config, batch as CaptionBatch),
    disposeBatch: disposeCaptionTensors,
    loss: (batch) => captioningLoss(parameters, config, batch),
    async files() {
      const store = await openFileStore(backbone);
      const files = new Map([
        ['config.json', jsonFile(model)],
        ['preprocessor_config.json', jsonFile(sceneProcessorJson(config.vision))],
      ]);
      for (const name of TOKENIZER_FILES) files.set(name, await store.read(name));
      return files;
    },
    [Symbol.dispose]: () => parameters.dispose(),
  };
}
