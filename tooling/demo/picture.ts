/** 8-bit RGB, row by row. */
export interface Picture {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Every pixel as a square of `factor` x `factor`. */
export function enlarge({ data, width, height }: Picture, factor: number): Picture {
  const wide = width * factor;
  const enlarged = new Uint8Array(wide * height * factor * 3);
  for (let y = 0; y < height * factor; y++) {
    for (let x = 0; x < wide; x++) {
      const from = (Math.floor(y / factor) * width + Math.floor(x / factor)) * 3;
      enlarged.set(data.subarray(from, from + 3), (y * wide + x) * 3);
    }
  }
  return { data: enlarged, width: wide, height: height * factor };
}

/** Pictures of one size in a row on white, `gap` pixels around each. */
export function sheetOf(pictures: readonly Picture[], gap: number): Picture {
  const { width = 0, height = 0 } = pictures[0] ?? {};
  const wide = pictures.length * (width + gap) + gap;
  const tall = height + 2 * gap;
  const data = new Uint8Array(wide * tall * 3).fill(255);
  for (const [index, picture] of pictures.entries()) {
    const left = gap + index * (width + gap);
    for (let y = 0; y < height; y++) {
      const row = picture.data.subarray(y * width * 3, (y + 1) * width * 3);
      data.set(row, ((y + gap) * wide + left) * 3);
    }
  }
  return { data, width: wide, height: tall };
}
