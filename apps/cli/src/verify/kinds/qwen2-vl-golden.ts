import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describeValue, LatteFlowError } from '@latte-flow/core';
import { decodeImage, type ModelInputs, type RgbImage } from '@latte-flow/vlm';

import type { Json } from '../discover.ts';
import { FixtureTensors } from '../fixture-tensors.ts';
import { readModelInputs } from './vlm-inputs.ts';

const objectOf = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});

export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The numbers and pictures that lie beside a VLM's checkpoint. */
export class GoldenVlm {
  readonly folder: string;
  readonly golden: Json;
  readonly tensors: FixtureTensors;

  private constructor(folder: string, golden: Json, tensors: FixtureTensors) {
    this.folder = folder;
    this.golden = golden;
    this.tensors = tensors;
  }

  static async open(folder: string): Promise<GoldenVlm> {
    const golden: unknown = JSON.parse(await readFile(join(folder, 'golden.json'), 'utf8'));
    return new GoldenVlm(folder, objectOf(golden), await FixtureTensors.read(join(folder, 'golden.safetensors')));
  }

  /** Names of the cases. */
  get cases(): string[] {
    return Object.keys(objectOf(this.golden['cases']));
  }

  #case(name: string): Json {
    return objectOf(objectOf(this.golden['cases'])[name]);
  }

  /** A case's model inputs with the reference's pixel values; a padded batch shares those of its rows. */
  inputs(name: string): ModelInputs {
    const rows = this.#case(name)['rows'];
    const own = this.tensors.has(`${name}.pixel_values`) || !Array.isArray(rows);
    const pixelPrefixes = own ? [`${name}.`] : rows.map((row) => `${row}.`);
    return readModelInputs(this.tensors, { prefix: `${name}.`, pixelPrefixes });
  }

  /** Numbers of the pictures that a case shows. */
  imagesOf(name: string): number[] {
    const { images } = this.#case(name);
    return Array.isArray(images) ? images.map(Number) : [];
  }

  /** Numbers of all pictures. */
  get images(): number[] {
    return Object.keys(objectOf(this.golden['images'])).map((name) => Number(name.replace(/^image/, '')));
  }

  #file(index: number, ending: string): string {
    return join(this.folder, `image${index}.${ending}`);
  }

  hasImage(index: number, ending: 'png' | 'bin'): Promise<boolean> {
    return exists(this.#file(index, ending));
  }

  async decoded(index: number): Promise<RgbImage> {
    return decodeImage(new Uint8Array(await readFile(this.#file(index, 'png'))));
  }

  async raw(index: number): Promise<RgbImage> {
    const { shape } = objectOf(objectOf(this.golden['images'])[`image${index}`]);
    const [height, width] = Array.isArray(shape) ? shape.map(Number) : [];
    if (height === undefined || width === undefined) {
      throw new LatteFlowError('checkpoint-invalid', {
        where: 'verify',
        expected: `golden.json to have the shape of image${index}`,
        got: describeValue(shape),
        remedy: 'Make the fixture again.',
      });
    }
    return { data: new Uint8Array(await readFile(this.#file(index, 'bin'))), width, height };
  }

  /** The pixels of a picture, from whichever file there is. */
  async image(index: number): Promise<RgbImage> {
    return (await this.hasImage(index, 'bin')) ? this.raw(index) : this.decoded(index);
  }
}
