import { NoisePurpose, normalNoise, uniformNoise } from '@latte-flow/core';
import { drawGroupTimes, expertGroups, groupOfMicroBatch } from '@latte-flow/expert-router';
import { renderPrompt, type LatteFlowConfig } from '@latte-flow/model';
import { padIds, type ModelInputs, type TextTokenizer } from '@latte-flow/vlm';

import { drawCaption, drawScenes, type SceneSource } from '../corpus/index.ts';
import { timeDensityOf } from './time-density-config.ts';
import type { TrainingConfig } from './training-config.ts';

/** A batch of one group on the host. */
export interface FlowHostBatch {
  readonly group: number;
  /** x1, float32 `[B, 3, S, S]` in [-1, 1]. */
  readonly images: Float32Array;
  /** x0, standard normals of the same shape. */
  readonly noise: Float32Array;
  readonly times: Float64Array;
  /** Rendered prompts, padded on the right. */
  readonly inputs: ModelInputs;
}

export interface FlowBatchTools {
  readonly config: TrainingConfig;
  readonly stream: LatteFlowConfig;
  readonly source: SceneSource;
  readonly tokenizer: TextTokenizer;
  readonly padTokenId: number;
}

/** Batch `index` of a flow run, on the host: a pure function of its arguments. */
export function flowHostBatch(
  index: number,
  { config, stream, source, tokenizer, padTokenId }: FlowBatchTools,
): FlowHostBatch {
  const { seed, batchSize, promptDropout, timeDensity } = config;
  const { numLayers: layers, numGroups, boundaries } = stream;
  const groups = expertGroups({ layers, groups: numGroups, boundaries });
  const trained = config.groups;
  const group = groupOfMicroBatch(groups, index, { trained });
  // The batch of this group in a run over all groups: a group sees the same ones whichever others are trained.
  const draw = Math.floor(index / (trained?.length ?? numGroups)) * numGroups + group;
  const { scenes, images } = drawScenes(source, { seed, first: draw * batchSize, count: batchSize });
  const dropped = uniformNoise(batchSize, { seed, image: draw, purpose: NoisePurpose.dropout });
  const prompts = scenes.map((scene, i) =>
    dropped[i]! < promptDropout
      ? stream.nullPrompt
      : renderPrompt(stream, drawCaption(scene, { seed, index: draw * batchSize + i })),
  );
  const padded = padIds(
    prompts.map((prompt) => tokenizer.encode(prompt)),
    { side: 'right', padTokenId, multipleOf: 8 },
  );
  const uniforms = uniformNoise(batchSize, { seed, image: draw, purpose: NoisePurpose.time });
  return {
    group,
    images,
    noise: normalNoise(images.length, { seed, image: draw, purpose: NoisePurpose.data }),
    times: drawGroupTimes(groups, { group, density: timeDensityOf(timeDensity), uniforms }),
    inputs: { ...padded, grids: [] },
  };
}
