/** The sizes of a decoder-only transformer with RMSNorm, RoPE, grouped key/value heads and SwiGLU (Qwen2, Llama). */
export interface DecoderConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly maxPositionEmbeddings: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  /** How many of the `headDim / 2` frequencies belong to time, row and column; absent for one-dimensional RoPE. */
  readonly mropeSection?: readonly number[];
  readonly tieWordEmbeddings: boolean;
  /** Whether queries, keys and values have biases, as Qwen2's do and Llama's do not. Default true. */
  readonly attentionBias?: boolean;
}
