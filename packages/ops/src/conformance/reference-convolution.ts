import { at, build, type NdArray } from './reference.ts';

/** x [B, H, W, I], weight [O, I / groups, k, k], bias [O] -> [B, h, w, O], padded with (k - 1) / 2 zeros. */
export function convolution(
  x: NdArray,
  weight: NdArray,
  { bias, stride = 1, groups = 1 }: { bias?: NdArray; stride?: number; groups?: number } = {},
): NdArray {
  const [batch, height, width] = x.shape as [number, number, number, number];
  const [outputs, inputs, kernel] = weight.shape as [number, number, number, number];
  const side = (kernel - 1) / 2;
  const size = (length: number): number => Math.floor((length + 2 * side - kernel) / stride) + 1;
  return build([batch, size(height), size(width), outputs], (b, row, column, o) => {
    const first = Math.floor(o! / (outputs / groups)) * inputs;
    let total = bias === undefined ? 0 : at(bias, o!);
    for (let i = 0; i < inputs; i++) {
      for (let ky = 0; ky < kernel; ky++) {
        for (let kx = 0; kx < kernel; kx++) {
          const [y, x_] = [row! * stride + ky - side, column! * stride + kx - side];
          if (y < 0 || y >= height || x_ < 0 || x_ >= width) continue;
          total += at(x, b!, y, x_, first + i) * at(weight, o!, i, ky, kx);
        }
      }
    }
    return total;
  });
}
