import { encode } from 'fast-png';

import { isLatin1, withInternationalText } from './png-text.ts';

/** What a picture was made from; written into PNG files as text chunks. */
export interface GenerationSettings {
  readonly prompt: string;
  readonly seed: number;
  /** Which image of the batch, the stream of the seed. */
  readonly index: number;
  readonly steps: number;
  /** Of classifier-free guidance, if no other rule was given. */
  readonly guidanceScale?: number;
  /** Name of the rule of guidance that was given. */
  readonly guidance?: string;
  readonly solver: string;
}

/** A picture: 8-bit RGB, row by row. */
export class GeneratedImage {
  /** RGB bytes, `width * height * 3`. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly settings: GenerationSettings;

  constructor(
    data: Uint8Array,
    size: { readonly width: number; readonly height: number },
    settings: GenerationSettings,
  ) {
    this.data = data;
    this.width = size.width;
    this.height = size.height;
    this.settings = settings;
  }

  get seed(): number {
    return this.settings.seed;
  }

  get index(): number {
    return this.settings.index;
  }

  /** A PNG file whose text chunks hold the settings: `tEXt`, and `iTXt` for a prompt beyond Latin-1. */
  toPng(): Uint8Array {
    const { data, width, height, settings } = this;
    const stated = Object.entries(settings).filter(([, value]) => value !== undefined);
    const entries = stated.map(([key, value]): [string, string] => [key, String(value)]);
    const text = Object.fromEntries(entries.filter(([, value]) => isLatin1(value)));
    const png = encode({ data, width, height, channels: 3, depth: 8, text });
    return withInternationalText(
      png,
      entries.filter(([, value]) => !isLatin1(value)),
    );
  }

  toBlob(): Blob {
    return new Blob([this.toPng().slice()], { type: 'image/png' });
  }
}
