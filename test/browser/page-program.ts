import { describeImage, generateImages, LatteFlow } from '@latte-flow/model';
import { bootBackend, type DeviceOption, type WasmPaths } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';

export interface PageTask {
  readonly device: DeviceOption;
  readonly checkpoint: string;
  readonly wasmPaths?: WasmPaths;
}

export interface PageResult {
  readonly description: string;
  readonly warnings: readonly string[];
  /** RGB bytes of the picture. */
  readonly pixels: readonly number[];
  /** The bytes of the PNG file's blob begin with these. */
  readonly signature: readonly number[];
  readonly text: string;
  readonly tensorsLeft: number;
}

export const settings = { steps: 2, guidanceScale: 3, seed: 21 };
export const decoding = { maxNewTokens: 3, eosTokenIds: [] };

/** What a page does with a checkpoint: draws a picture, then describes it. Runs in Node too. */
export async function drawAndDescribe({ device, checkpoint, wasmPaths }: PageTask): Promise<PageResult> {
  const { description, warnings } = await bootBackend({ device, wasmPaths });
  const before = memory().numTensors;
  const model = await LatteFlow.fromPretrained(checkpoint);
  const { images } = await generateImages(model, 'a red apple', settings);
  const image = images[0]!;
  let text = '';
  for await (const piece of describeImage(model, image, decoding)) text += piece;
  model.dispose();
  const png = new Uint8Array(await image.toBlob().arrayBuffer());
  return {
    description,
    warnings,
    pixels: [...image.data],
    signature: [...png.subarray(0, 8)],
    text,
    tensorsLeft: memory().numTensors - before,
  };
}

Object.assign(globalThis, { drawAndDescribe });
