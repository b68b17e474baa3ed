import { refuseArgument, requireInteger } from '@latte-flow/core';
import { add, mul, sub, tensor3d, tidy, type Tensor3D } from '@tensorflow/tfjs-core';

/** Positions `[axes][batch][token]`: one axis for text, three (temporal, height, width) for M-RoPE. */
export type RopePositions = readonly (readonly ArrayLike<number>[])[];

export interface RopeOptions {
  /** Even. */
  readonly headDim: number;
  /** Base of the frequencies, e.g. 1e6. */
  readonly theta: number;
  /**
   * How many of the headDim / 2 frequencies each axis rotates, in order (Qwen2-VL's `mrope_section`: run i reads axis
   * i mod 3). Default: all of them the first axis.
   */
  readonly sections?: readonly number[];
}

/** cos and sin of every position and channel, `[B, S, E]`. Owned by whoever made them. */
export interface RopeTables {
  readonly cos: Tensor3D;
  readonly sin: Tensor3D;
}

function axisOfFrequency(axes: number, half: number, sections: readonly number[]): number[] {
  const total = sections.reduce((sum, size) => sum + size, 0);
  if (total !== half) {
    refuseArgument({
      where: 'ropeTables',
      expected: `sections that add up to headDim / 2 = ${half}`,
      got: `[${sections.join(', ')}]`,
      remedy: "Use the model config's mrope_section.",
    });
  }
  return sections.flatMap((size, i) => new Array<number>(size).fill(i % axes));
}

/** How many tokens of a sample, from its first one on, stand where those of the first sample stand. */
function sharedTokens(positions: RopePositions, sample: number): number {
  const tokens = positions[0]![0]!.length;
  return positions.reduce((shared, axis) => {
    const [first, other] = [axis[0]!, axis[sample]!];
    let same = 0;
    while (same < shared && first[same] === other[same]) same++;
    return same;
  }, tokens);
}

/**
 * Rotation tables, computed in float64 on the host (GPU sines are too coarse for large angles) and uploaded as
 * float32. The layout is `rotate_half`'s: channels i and i + E / 2 share frequency theta^(-2 i / E).
 *
 * @throws LatteFlowError `invalid-argument` if headDim is odd or the sections don't add up.
 * @see the reference implementation `mrope_cos_sin`
 */
export function ropeTables(positions: RopePositions, { headDim, theta, sections }: RopeOptions): RopeTables {
  requireInteger('ropeTables', 'headDim / 2', headDim / 2, { min: 1 });
  const half = headDim / 2;
  const axes = axisOfFrequency(positions.length, half, sections ?? [half]);
  const batch = positions[0]?.length ?? 0;
  const tokens = positions[0]?.[0]?.length ?? 0;
  const frequencies = axes.map((_, i) => theta ** ((-2 * i) / headDim));
  const cos = new Float32Array(batch * tokens * headDim);
  const sin = new Float32Array(cos.length);
  const row = tokens * headDim;
  for (let b = 0; b < batch; b++) {
    // Prompts of a batch share positions, up to where they end: what begins as the first one does is copied at once.
    const shared = b === 0 ? 0 : sharedTokens(positions, b);
    cos.copyWithin(b * row, 0, shared * headDim);
    sin.copyWithin(b * row, 0, shared * headDim);
    for (let s = shared, at = b * row + shared * headDim; s < tokens; s++, at += headDim) {
      if (s > 0 && positions.every((axis) => axis[b]![s] === axis[b]![s - 1])) {
        cos.copyWithin(at, at - headDim, at); // padding: all of it stands at one place
        sin.copyWithin(at, at - headDim, at);
        continue;
      }
      for (let i = 0; i < half; i++) {
        const angle = positions[axes[i]!]![b]![s]! * frequencies[i]!;
        cos[at + i] = cos[at + i + half] = Math.cos(angle);
        sin[at + i] = sin[at + i + half] = Math.sin(angle);
      }
    }
  }
  const shape: [number, number, number] = [batch, tokens, headDim];
  return { cos: tensor3d(cos, shape), sin: tensor3d(sin, shape) };
}

/**
 * The rotations by the sums of two sets of positions, from their tables: cos(a + b) and sin(a + b). Batch and token axes
 * of size 1 broadcast, so that a grid that starts where each prompt ends needs no table a prompt on the host.
 *
 * @param a `[B | 1, S | 1, E]`, borrowed
 * @param b `[B | 1, S | 1, E]`, borrowed
 * @returns `[B, S, E]`, owned by the caller
 */
export function composeRope(a: RopeTables, b: RopeTables): RopeTables {
  const cos = tidy((): Tensor3D => sub(mul(a.cos, b.cos), mul(a.sin, b.sin)));
  const sin = tidy((): Tensor3D => add(mul(a.sin, b.cos), mul(a.cos, b.sin)));
  return { cos, sin };
}
