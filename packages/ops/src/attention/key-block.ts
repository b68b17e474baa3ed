import { runProgram, type Program } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import { blockSizes, type AttentionBlocks } from './blocks.ts';

/** The keys of one block, and their values: `[B, G, T | N, E]`. */
export interface KeyBlock {
  readonly key: Tensor;
  readonly value: Tensor;
  /** The place of its first key among all. */
  readonly firstKey: number;
}

export function keyBlock(blocks: AttentionBlocks, name: 'context' | 'own'): KeyBlock {
  return name === 'own'
    ? { key: blocks.key, value: blocks.value, firstKey: blockSizes(blocks).contextTokens }
    : { key: blocks.contextKey!, value: blocks.contextValue!, firstKey: 0 };
}

/** Of a program that makes the gradient of a block: its rows are the keys, and it walks over the queries. */
export const KEY_GRADIENT_PARAMS: readonly string[] = [
  'rows: u32',
  'queries: u32',
  'block: u32',
  'first_key: u32',
  'keys: u32',
  'groups: u32',
  'bias_rows: u32',
];

interface KeyGradientRun {
  readonly block: KeyBlock;
  readonly inputs: readonly Tensor[];
  /** Keys of a workgroup. */
  readonly tileRows: number;
}

/** Runs such a program: [dkey, dvalue] of the block. */
export function runKeyGradient(
  program: Program,
  blocks: AttentionBlocks,
  { block: { key, firstKey }, inputs, tileRows }: KeyGradientRun,
): [dKey: Tensor, dValue: Tensor] {
  const { batches, rows, queries, keys, groups } = blockSizes(blocks);
  const length = key.shape[2]!;
  return runProgram(program, {
    inputs,
    outputs: [{ shape: key.shape }, { shape: key.shape }],
    params: [rows, queries, length, firstKey, keys, groups, blocks.visibility?.bias.shape[2] ?? 1],
    workgroups: [Math.ceil(length / tileRows), 1, batches],
  }) as [Tensor, Tensor];
}
