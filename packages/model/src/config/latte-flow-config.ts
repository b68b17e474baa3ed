import type { ResidualMode } from '@latte-flow/residual-attention';

/**
 * Everything that fixes a LaTtE-Flow generation stream. `config.json` spells the same fields in snake_case
 * (`parseLatteFlowConfig`).
 */
export interface LatteFlowConfig {
  /** D. */
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  /** L, a multiple of numGroups. */
  readonly numLayers: number;
  /** H. */
  readonly numHeads: number;
  /** G, divides H; must equal the backbone's. */
  readonly numKvHeads: number;
  /** E; must equal the backbone's. Default hiddenSize / numHeads. */
  readonly headDim: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  /** Frequencies for (temporal, height, width); absent over a backbone with one-dimensional RoPE. */
  readonly mropeSection?: readonly number[];
  /** Channels of the latents: 3 where the stream draws pixels. */
  readonly latentChannels: number;
  /** Latents are latentSize x latentSize. */
  readonly latentSize: number;
  readonly patchSize: number;
  /** K. */
  readonly numGroups: number;
  /** K + 1 ascending times from 0 to 1; absent means uniform. */
  readonly boundaries?: readonly number[];
  /** Channels of the sinusoid of the time, even. */
  readonly timeFrequencyDim: number;
  readonly residualAttention: ResidualMode;
  readonly qkvBias: boolean;
  /** The text around a prompt, with `{prompt}` where it goes. */
  readonly promptTemplate: string;
  /** The rendered prompt of the unconditional branch. Default: the template with empty text. */
  readonly nullPrompt: string;
}

/** The key of the prompt in `promptTemplate`. */
export const PROMPT_SLOT = '{prompt}';

/** Qwen2-VL's chat form, for checkpoints whose config names none. */
export const DEFAULT_PROMPT_TEMPLATE = `<|im_start|>user\n${PROMPT_SLOT}<|im_end|>\n<|im_start|>assistant\n`;

/** The rendered prompt: the template with `prompt` in its slot. */
export function renderPrompt({ promptTemplate }: Pick<LatteFlowConfig, 'promptTemplate'>, prompt: string): string {
  return promptTemplate.replaceAll(PROMPT_SLOT, () => prompt);
}

/** M, the layers of a group. */
export function layersPerGroup({ numLayers, numGroups }: LatteFlowConfig): number {
  return numLayers / numGroups;
}

/** Image tokens a side and in all, n and N = n^2. */
export function tokenGrid({ latentSize, patchSize }: LatteFlowConfig): { side: number; tokens: number } {
  const side = latentSize / patchSize;
  return { side, tokens: side * side };
}
