import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describeValue, LatteFlowError } from '@latte-flow/core';
import {
  adapterOf,
  decodeImage,
  type ModelInputs,
  type PixelNormalisation,
  type RgbImage,
  type VisionLanguageModel,
} from '@latte-flow/vlm';

import type { Quantity } from '../compare.ts';
import type { Json } from '../discover.ts';
import { FixtureTensors } from '../fixture-tensors.ts';
import { joinPatches, readModelInputs, readPatches, type Patches } from './vlm-inputs.ts';

const objectOf = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const numbersOf = (value: unknown): number[] => (Array.isArray(value) ? value.map(Number) : []);

export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** What a case shows: its pictures, and the processor that they went through. */
export interface ShownImages {
  readonly images: readonly RgbImage[];
  readonly processor: PixelNormalisation;
}

/** The numbers and pictures that lie beside a VLM's checkpoint. */
export class GoldenVlm {
  readonly folder: string;
  readonly golden: Json;
  readonly tensors: FixtureTensors;
  readonly model: VisionLanguageModel;

  private constructor(
    folder: string,
    { golden, tensors, model }: { golden: Json; tensors: FixtureTensors; model: VisionLanguageModel },
  ) {
    this.folder = folder;
    this.golden = golden;
    this.tensors = tensors;
    this.model = model;
  }

  static async open(folder: string, model: VisionLanguageModel): Promise<GoldenVlm> {
    const golden = objectOf(JSON.parse(await readFile(join(folder, 'golden.json'), 'utf8')));
    const tensors = await FixtureTensors.read(join(folder, 'golden.safetensors'));
    return new GoldenVlm(folder, { golden, tensors, model });
  }

  /** Names of the cases. */
  get cases(): string[] {
    return Object.keys(objectOf(this.golden['cases']));
  }

  #case(name: string): Json {
    return objectOf(objectOf(this.golden['cases'])[name]);
  }

  /** Rows and columns of tiles that each picture of a case was cut into, where the fixture says so. */
  tileGrids(name: string): { readonly rows: number; readonly columns: number }[] {
    const { rows, cols } = this.#case(name); // `rows` of a padded batch are the cases that it joins
    return numbersOf(cols).map((columns, i) => ({ rows: numbersOf(rows)[i] ?? 0, columns }));
  }

  /** A case's model inputs with the reference's pixel values; a padded batch shares those of its rows. */
  async inputs(name: string): Promise<ModelInputs> {
    const { rows, cols } = this.#case(name);
    const joins = Array.isArray(rows) && cols === undefined && !this.tensors.has(`${name}.pixel_values`);
    const cases = joins ? rows.map(String) : [name];
    const images = joinPatches(await Promise.all(cases.map((each) => this.#patches(each))));
    return readModelInputs(this.tensors, { prefix: `${name}.`, images });
  }

  /** The reference's pixel values; where the fixture leaves them out, those of the pictures, whose bytes it has. */
  async #patches(name: string): Promise<Patches> {
    const { config } = this.model;
    const given = readPatches(this.tensors, config, { prefix: `${name}.` });
    if (given.grids.length > 0) return given;
    const { images, processor } = await this.shown(name);
    return adapterOf(config).processImages(images, processor);
  }

  /** The pictures of a case, and the model's processor or, where it did not split them, that without splitting. */
  async shown(name: string): Promise<ShownImages> {
    const { images } = this.#case(name);
    const { imageProcessor, config } = this.model;
    if (Array.isArray(images)) {
      return { images: await Promise.all(numbersOf(images).map((i) => this.image(i))), processor: imageProcessor };
    }
    const grids = this.tileGrids(name);
    const isWhole = grids.length > 0 && grids.every(({ rows }) => rows === 0);
    const processor = isWhole
      ? adapterOf(config).parseImageProcessor(
          { ...objectOf(await this.#json('preprocessor_config.json')), do_image_splitting: false },
          config,
        )
      : imageProcessor;
    return { images: await this.#imagesOfTiles(name, processor), processor };
  }

  /** Tiled cases do not number their pictures: each is the one that is cut alike, of several the one with those bytes. */
  async #imagesOfTiles(name: string, processor: PixelNormalisation): Promise<RgbImage[]> {
    const adapter = adapterOf(this.model.config);
    const all = await Promise.all(this.images.map((i) => this.image(i)));
    const expected = this.tensors.has(`${name}.tiles_u8`) ? this.tensors.integers(`${name}.tiles_u8`) : [];
    let at = 0;
    return this.tileGrids(name).map(({ rows, columns }) => {
      const alike = all.flatMap((image) => {
        const tiles = adapter.processImages([image], processor).grids[0]?.tiles;
        if (tiles?.rows !== rows || tiles.columns !== columns) return [];
        const bytes = adapter.resizeImage(image, processor).flatMap(({ data }) => [...data]);
        return [{ image, bytes, isSame: bytes.every((byte, i) => byte === expected[at + i]) }];
      });
      const found = alike.find(({ isSame }) => isSame) ?? alike[0];
      at += found?.bytes.length ?? 0;
      return found?.image ?? this.#refuse(`a picture that is cut into ${rows} x ${columns} tiles`, 'none');
    });
  }

  #refuse(expected: string, got: string): never {
    throw new LatteFlowError('checkpoint-invalid', {
      where: 'verify',
      expected,
      got,
      remedy: 'Make the fixture again.',
    });
  }

  /**
   * Rows of the vision tower in the order of the patches: Qwen2.5-VL's reference has them in the order of its windows.
   */
  visionRows(name: string, quantity: string): Quantity {
    const { values, shape } = this.tensors.quantity(`${name}.${quantity}`);
    const index = `${name}.vision.window_index`;
    if (!this.tensors.has(index)) return { values, shape };
    const order = this.tensors.integers(index);
    const width = values.length / order.length;
    const restored = new Float32Array(values.length);
    order.forEach((block, place) => {
      for (let i = 0; i < width; i++) restored[block * width + i] = values[place * width + i]!;
    });
    return { values: restored, shape };
  }

  /** Ids of special tokens by their spelling, where the fixture has them. */
  get specialTokens(): ReadonlyMap<string, number> {
    const special = objectOf(objectOf(this.golden['spec'])['special']);
    return new Map(Object.entries(special).map(([token, id]) => [token, Number(id)]));
  }

  /** Numbers of all pictures. */
  get images(): number[] {
    return Object.keys(objectOf(this.golden['images'])).map((name) => Number(name.replace(/^image/, '')));
  }

  #file(index: number, ending: string): string {
    return join(this.folder, `image${index}.${ending}`);
  }

  async #json(file: string): Promise<unknown> {
    const path = join(this.folder, file);
    return (await exists(path)) ? JSON.parse(await readFile(path, 'utf8')) : {};
  }

  hasImage(index: number, ending: 'png' | 'bin'): Promise<boolean> {
    return exists(this.#file(index, ending));
  }

  async decoded(index: number): Promise<RgbImage> {
    return decodeImage(new Uint8Array(await readFile(this.#file(index, 'png'))));
  }

  async raw(index: number): Promise<RgbImage> {
    const { shape } = objectOf(objectOf(this.golden['images'])[`image${index}`]);
    const [height, width] = numbersOf(shape);
    if (height === undefined || width === undefined) {
      this.#refuse(`golden.json to have the shape of image${index}`, describeValue(shape));
    }
    return { data: new Uint8Array(await readFile(this.#file(index, 'bin'))), width, height };
  }

  /** The pixels of a picture, from whichever file there is. */
  async image(index: number): Promise<RgbImage> {
    return (await this.hasImage(index, 'bin')) ? this.raw(index) : this.decoded(index);
  }
}
