import { programs, runProgram, spread } from '@latte-flow/runtime';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';

import { packOf, valueOf, type Pack } from '../kernel/value.ts';
import { sumRows } from '../reduction/index.ts';
import { patchValues, windowCount, type Geometry } from './geometry.ts';

const LANES = 256;

/** One invocation a value, or a vector of them. */
const VALUE_OF_INVOCATION = /* wgsl */ `
  @compute @workgroup_size(${LANES})
  fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = (group.x + group.y * groups.x) * ${LANES}u + lane;
    if (index >= params.size) { return; }`;

const SIZES = ['size: u32', 'height: u32', 'width: u32', 'out_height: u32', 'out_width: u32'];

const sizesOf = ({ height, width, outHeight, outWidth }: Geometry): number[] => [height, width, outHeight, outWidth];

/** `pack` neighbouring channels at a time. */
const patchesProgram = programs((kernel: number, stride: number, vectors: number, pack: Pack) => ({
  name: 'patches',
  inputs: ['x: array<Value>'],
  outputs: ['patches: array<Value>'],
  params: SIZES,
  body: /* wgsl */ `
    ${valueOf(pack)}
    ${VALUE_OF_INVOCATION}
      let channel = index % ${vectors}u;
      let tap = (index / ${vectors}u) % ${kernel * kernel}u;
      let window = index / ${vectors * kernel * kernel}u;
      let out_row = window / params.out_width;
      let image = out_row / params.out_height;
      let row = i32((out_row % params.out_height) * ${stride}u + tap / ${kernel}u) - ${(kernel - 1) / 2};
      let place = i32((window % params.out_width) * ${stride}u + tap % ${kernel}u) - ${(kernel - 1) / 2};
      var value = Value();
      if (row >= 0 && row < i32(params.height) && place >= 0 && place < i32(params.width)) {
        value = x[((image * params.height + u32(row)) * params.width + u32(place)) * ${vectors}u + channel];
      }
      patches[index] = value;
    }`,
}));

/** x [B, H, W, C] -> what each window covers, [B h w, k k C]: place by place of the kernel. */
export function patchesWebGPU(x: Tensor4D, geometry: Geometry): Tensor2D {
  const { channels, kernel, stride } = geometry;
  const pack = packOf(channels);
  const size = patchValues(geometry) / pack;
  const [patches] = runProgram(patchesProgram(kernel, stride, channels / pack, pack), {
    inputs: [x],
    outputs: [{ shape: [windowCount(geometry), kernel * kernel * channels] }],
    params: [size, ...sizesOf(geometry)],
    workgroups: spread(Math.ceil(size / LANES)),
  });
  return patches as Tensor2D;
}

const foldProgram = programs((kernel: number, stride: number, vectors: number, pack: Pack) => ({
  name: 'fold',
  inputs: ['patches: array<Value>'],
  outputs: ['x: array<Value>'],
  params: SIZES,
  body: /* wgsl */ `
    ${valueOf(pack)}
    ${VALUE_OF_INVOCATION}
      let channel = index % ${vectors}u;
      let pixel = index / ${vectors}u;
      let place = pixel % params.width;
      let image_row = pixel / params.width;
      let row = image_row % params.height;
      let first = (image_row / params.height) * params.out_height;
      var sum = Value();
      for (var i = 0u; i < ${kernel}u; i++) {
        let y = row + ${(kernel - 1) / 2}u - i; // wraps around below 0, and is then too large
        if (y % ${stride}u != 0u || y / ${stride}u >= params.out_height) { continue; }
        for (var j = 0u; j < ${kernel}u; j++) {
          let x_ = place + ${(kernel - 1) / 2}u - j;
          if (x_ % ${stride}u != 0u || x_ / ${stride}u >= params.out_width) { continue; }
          let window = (first + y / ${stride}u) * params.out_width + x_ / ${stride}u;
          sum += patches[(window * ${kernel * kernel}u + i * ${kernel}u + j) * ${vectors}u + channel];
        }
      }
      x[index] = sum;
    }`,
}));

/** The transpose of `patchesWebGPU`: adds [B h w, k k C] up where the windows overlap, [B, H, W, C]. */
export function foldWebGPU(patches: Tensor2D, geometry: Geometry): Tensor4D {
  const { batch, height, width, channels, kernel, stride } = geometry;
  const pack = packOf(channels);
  const size = (batch * height * width * channels) / pack;
  const [x] = runProgram(foldProgram(kernel, stride, channels / pack, pack), {
    inputs: [patches],
    outputs: [{ shape: [batch, height, width, channels] }],
    params: [size, ...sizesOf(geometry)],
    workgroups: spread(Math.ceil(size / LANES)),
  });
  return x as Tensor4D;
}

/** Pixels of a picture that one invocation adds up. */
const SEGMENT = 64;

const depthwiseWeightProgram = programs((kernel: number) => ({
  name: 'depthwiseWeightGradient',
  inputs: ['dy: array<f32>', 'x: array<f32>'],
  outputs: ['sums: array<f32>'],
  params: ['size: u32', 'pixels: u32', 'height: u32', 'width: u32', 'channels: u32'],
  body: /* wgsl */ `
    ${VALUE_OF_INVOCATION}
      let channel = index % params.channels;
      let segment = index / params.channels;
      var sums_of: array<f32, ${kernel * kernel}>;
      let last = min((segment + 1u) * ${SEGMENT}u, params.pixels);
      for (var pixel = segment * ${SEGMENT}u; pixel < last; pixel++) {
        let place = i32(pixel % params.width);
        let row = i32((pixel / params.width) % params.height);
        let slope = dy[pixel * params.channels + channel];
        for (var i = 0; i < ${kernel}; i++) {
          let y = row + i - ${(kernel - 1) / 2};
          if (y < 0 || y >= i32(params.height)) { continue; }
          for (var j = 0; j < ${kernel}; j++) {
            let x_ = place + j - ${(kernel - 1) / 2};
            if (x_ < 0 || x_ >= i32(params.width)) { continue; }
            let at = u32(i32(pixel) + (y - row) * i32(params.width) + x_ - place);
            sums_of[i * ${kernel} + j] += slope * x[at * params.channels + channel];
          }
        }
      }
      for (var tap = 0u; tap < ${kernel * kernel}u; tap++) {
        sums[(segment * params.channels + channel) * ${kernel * kernel}u + tap] = sums_of[tap];
      }
    }`,
}));

/** dy, x [B, H, W, C] -> dweight [C, 1, k, k]: sums over segments of the pixels, then over the segments. */
export function depthwiseWeightGradientWebGPU(dy: Tensor4D, x: Tensor4D, kernel: number): Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const pixels = batch * height * width;
  const segments = Math.ceil(pixels / SEGMENT);
  const size = segments * channels;
  const [sums] = runProgram(depthwiseWeightProgram(kernel), {
    inputs: [dy, x],
    outputs: [{ shape: [segments, channels * kernel * kernel] }],
    params: [size, pixels, height, width, channels],
    workgroups: spread(Math.ceil(size / LANES)),
  });
  return sumRows(sums!).reshape([channels, 1, kernel, kernel]);
}
