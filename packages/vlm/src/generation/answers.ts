import type { ParameterScope } from '@latte-flow/runtime';

import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import { decodeTokens, type DecodeOptions, type DecodeTask } from './decode-loop.ts';
import { TextAssembler, type TokenDecoder } from './text-pieces.ts';

export interface GenerateOptions extends DecodeOptions {
  /** The answer ends before the first of these, no part of which is ever yielded. Default none. */
  readonly stop?: readonly string[];
}

/** The next piece of one answer of a batch. */
export interface AnswerPiece {
  readonly sample: number;
  readonly text: string;
}

/**
 * Answers a left-padded batch as text, piece by piece as it comes; the pieces of each sample in order. End tokens are
 * left out.
 * @throws LatteFlowError as `decodeTokens`, and `invalid-argument` for stop strings without text
 */
export async function* answerPieces(
  parameters: ParameterScope,
  config: VisionLanguageConfig,
  { stop, decoder, ...task }: GenerateOptions & Omit<DecodeTask, 'isOver'> & { readonly decoder: TokenDecoder },
): AsyncGenerator<AnswerPiece, void, void> {
  const { eosTokenIds = [config.eosTokenId] } = task;
  const answers = Array.from({ length: task.inputs.batch }, () => new TextAssembler(decoder, stop));
  const isOver = (sample: number): boolean => answers[sample]!.isOver;
  for await (const tokens of decodeTokens(parameters, config, { ...task, eosTokenIds, isOver })) {
    for (const [sample, token] of tokens.entries()) {
      if (token === undefined) continue;
      const answer = answers[sample]!;
      const text = eosTokenIds.includes(token) ? answer.finish() : answer.push(token);
      if (text !== '') yield { sample, text };
    }
  }
  for (const [sample, answer] of answers.entries()) {
    const text = answer.finish();
    if (text !== '') yield { sample, text };
  }
}
