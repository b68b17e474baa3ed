import {
  add,
  concat,
  conv2d,
  depthwiseConv2d,
  pad,
  reshape,
  slice,
  stridedSlice,
  tidy,
  transpose,
  zeros,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';

import { windowCount, type Geometry } from './geometry.ts';

/** x [B, H, W, I], weight [O, I, k, k] -> [B, h, w, O]. */
export function convolutionPortable(x: Tensor4D, weight: Tensor4D, { kernel, stride }: Geometry): Tensor4D {
  return tidy(() => conv2d(x, transpose(weight, [2, 3, 1, 0]), stride, (kernel - 1) / 2)); // filter [k, k, I, O]
}

/** x [B, H, W, C], weight [C, 1, k, k] -> [B, H, W, C]. */
export function depthwisePortable(x: Tensor4D, weight: Tensor4D, kernel: number): Tensor4D {
  return tidy(() => depthwiseConv2d(x, transpose(weight, [2, 3, 0, 1]), 1, (kernel - 1) / 2)); // filter [k, k, C, 1]
}

/** The places of a kernel, row by row. */
export function tapsOf(kernel: number): (readonly [row: number, column: number])[] {
  return Array.from({ length: kernel * kernel }, (_, tap) => [Math.floor(tap / kernel), tap % kernel] as const);
}

/** x [B, H, W, C] with zeros around it. */
export function padded(x: Tensor4D, kernel: number): Tensor4D {
  const side = (kernel - 1) / 2;
  const around: [number, number] = [side, side];
  return side === 0 ? x : pad(x, [[0, 0], around, around, [0, 0]]);
}

/** What each window sees at one place of the kernel: x with its padding -> [B, h, w, C]. */
export function tapView(
  paddedX: Tensor4D,
  [row, column]: readonly [number, number],
  { batch, channels, stride, outHeight, outWidth }: Geometry,
): Tensor4D {
  const begin = [0, row, column, 0];
  if (stride === 1) return slice(paddedX, begin, [batch, outHeight, outWidth, channels]);
  const end = [batch, row + (outHeight - 1) * stride + 1, column + (outWidth - 1) * stride + 1, channels];
  return stridedSlice(paddedX, begin, end, [1, stride, stride, 1]) as Tensor4D;
}

/** x [B, H, W, C] -> what each window covers, [B h w, k k C]: place by place of the kernel. */
export function patchesPortable(x: Tensor4D, geometry: Geometry): Tensor2D {
  return tidy(() => {
    const source = padded(x, geometry.kernel);
    const views = tapsOf(geometry.kernel).map((tap) => tapView(source, tap, geometry));
    return reshape(concat(views, 3), [windowCount(geometry), -1]);
  });
}

/** Values that lie `stride` apart, zeros between and after them: [B, h, w, C] -> [B, h stride, w stride, C]. */
function spreadOut(x: Tensor4D, stride: number): Tensor4D {
  if (stride === 1) return x;
  const [batch, height, width, channels] = x.shape;
  const widen = (rows: number, length: number): Tensor =>
    concat([reshape(x, [rows, length]), zeros([rows, length * (stride - 1)])], 1);
  const columns = widen(batch * height * width, channels);
  const length = width * stride * channels;
  const rows = reshape(columns, [batch * height, length]);
  return reshape(concat([rows, zeros([batch * height, length * (stride - 1)])], 1), [
    batch,
    height * stride,
    width * stride,
    channels,
  ]);
}

/** The transpose of `patchesPortable`: adds [B h w, k k C] up where the windows overlap, [B, H, W, C]. */
export function foldPortable(patches: Tensor2D, geometry: Geometry): Tensor4D {
  const { batch, height, width, channels, kernel, stride, outHeight, outWidth } = geometry;
  const side = (kernel - 1) / 2;
  return tidy(() => {
    const placed = tapsOf(kernel).map(([row, column], tap) => {
      const view = slice(patches, [0, tap * channels], [-1, channels]);
      const spread = spreadOut(reshape(view, [batch, outHeight, outWidth, channels]), stride);
      // The zeros after the last value may reach beyond the padded picture.
      const rows = Math.min(spread.shape[1], height + 2 * side - row);
      const columns = Math.min(spread.shape[2], width + 2 * side - column);
      const kept = slice(spread, [0, 0, 0, 0], [batch, rows, columns, channels]);
      return pad(kept, [
        [0, 0],
        [row, height + 2 * side - row - rows],
        [column, width + 2 * side - column - columns],
        [0, 0],
      ]);
    });
    // One by one: TensorFlow.js' WebGPU kernel of `addN` binds a buffer for each.
    const sum = placed.reduce((total, view) => add(total, view));
    return slice(sum, [0, side, side, 0], [batch, height, width, channels]);
  });
}
