import { describeValue, LatteFlowError, requireFinite, requireInteger, requireOneOf } from '@latte-flow/core';
import { residualModes } from '@latte-flow/residual-attention';
import { MAX_LAYERS } from '@latte-flow/vlm';

import { DEFAULT_PROMPT_TEMPLATE, PROMPT_SLOT, type LatteFlowConfig } from './latte-flow-config.ts';

const WHERE = 'parseLatteFlowConfig';

type Json = Readonly<Record<string, unknown>>;

function refuse(expected: string, got: string, remedy: string): never {
  throw new LatteFlowError('checkpoint-invalid', { where: WHERE, expected, got, remedy });
}

function requireDivides(divisorName: string, divisor: number, name: string, value: number): void {
  if (value % divisor === 0) return;
  refuse(`${name} to be a multiple of ${divisorName} = ${divisor}`, `${value}`, `Correct ${name} in config.json.`);
}

function positive(json: Json, name: string, fallback?: number, max?: number): number {
  return requireInteger(WHERE, name, json[name] ?? fallback, { min: 1, max });
}

function numbers(json: Json, name: string): readonly number[] | undefined {
  const value = json[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value))
    return refuse(`${name} to be a list`, describeValue(value), `Correct ${name} in config.json.`);
  return value.map((item, i) => requireFinite(WHERE, `${name}[${i}]`, item));
}

function text(json: Json, name: string, fallback: string): string {
  const value = json[name] ?? fallback;
  return typeof value === 'string' ? value : refuse(`${name} to be text`, describeValue(value), 'Correct config.json.');
}

function flag(json: Json, name: string, fallback: boolean): boolean {
  const value = json[name] ?? fallback;
  if (typeof value === 'boolean') return value;
  return refuse(`${name} to be true or false`, describeValue(value), 'Correct config.json.');
}

function requireBoundaries(boundaries: readonly number[], groups: number): void {
  const ascending = boundaries.every((time, i) => i === 0 || time > boundaries[i - 1]!);
  if (boundaries.length === groups + 1 && boundaries[0] === 0 && boundaries.at(-1) === 1 && ascending) return;
  refuse(
    `boundaries to be ${groups + 1} ascending times from 0 to 1`,
    describeValue(boundaries),
    'Correct boundaries in config.json, or leave them out for uniform intervals.',
  );
}

/**
 * Reads the config of a generation stream from parsed JSON; unknown keys are left alone.
 * @throws LatteFlowError `checkpoint-invalid` or `invalid-argument` naming the field that is missing or disagrees.
 * @see `LatteFlowConfig` of the reference
 */
export function parseLatteFlowConfig(source: unknown): LatteFlowConfig {
  if (typeof source !== 'object' || source === null)
    refuse('a JSON object', describeValue(source), 'Check config.json.');
  const json = source as Json;
  const hiddenSize = positive(json, 'hidden_size');
  const numHeads = positive(json, 'num_heads');
  const numKvHeads = positive(json, 'num_kv_heads', numHeads);
  const numLayers = positive(json, 'num_layers', undefined, MAX_LAYERS);
  const numGroups = positive(json, 'num_groups', 4);
  const latentSize = positive(json, 'latent_size');
  const patchSize = positive(json, 'patch_size', 1);
  const timeFrequencyDim = positive(json, 'time_frequency_dim', 256);
  if (json['head_dim'] === undefined) requireDivides('num_heads', numHeads, 'hidden_size', hiddenSize);
  const headDim = positive(json, 'head_dim', hiddenSize / numHeads);
  requireDivides('num_kv_heads', numKvHeads, 'num_heads', numHeads);
  requireDivides('num_groups', numGroups, 'num_layers', numLayers);
  requireDivides('patch_size', patchSize, 'latent_size', latentSize);
  requireDivides('2', 2, 'head_dim', headDim);
  requireDivides('2', 2, 'time_frequency_dim', timeFrequencyDim);

  const mropeSection = numbers(json, 'mrope_section');
  mropeSection?.forEach((size, i) => requireInteger(WHERE, `mrope_section[${i}]`, size, { min: 0 }));
  const rotated = mropeSection?.reduce((sum, size) => sum + size, 0);
  if (rotated !== undefined && rotated !== headDim / 2) {
    refuse(
      `mrope_section to add up to head_dim / 2 = ${headDim / 2}`,
      `${rotated}`,
      'Correct mrope_section in config.json.',
    );
  }
  const boundaries = numbers(json, 'boundaries');
  if (boundaries !== undefined) requireBoundaries(boundaries, numGroups);

  const promptTemplate = text(json, 'prompt_template', DEFAULT_PROMPT_TEMPLATE);
  if (!promptTemplate.includes(PROMPT_SLOT)) {
    refuse(`prompt_template to contain ${PROMPT_SLOT}`, describeValue(promptTemplate), 'Correct prompt_template.');
  }
  return {
    hiddenSize,
    intermediateSize: positive(json, 'intermediate_size'),
    numLayers,
    numHeads,
    numKvHeads,
    headDim,
    rmsNormEps: requireFinite(WHERE, 'rms_norm_eps', json['rms_norm_eps'] ?? 1e-6, { min: 0 }),
    ropeTheta: requireFinite(WHERE, 'rope_theta', json['rope_theta'] ?? 1e6, { min: 1 }),
    mropeSection,
    latentChannels: positive(json, 'latent_channels'),
    latentSize,
    patchSize,
    numGroups,
    boundaries,
    timeFrequencyDim,
    residualAttention: requireOneOf(WHERE, 'residual_attention', json['residual_attention'] ?? 'scores', residualModes),
    qkvBias: flag(json, 'qkv_bias', true),
    promptTemplate,
    nullPrompt: text(json, 'null_prompt', promptTemplate.replaceAll(PROMPT_SLOT, '')),
  };
}

/** The inverse of `parseLatteFlowConfig`, with every field spelled out. */
export function serialiseLatteFlowConfig(config: LatteFlowConfig): Record<string, unknown> {
  return {
    model_type: 'latte_flow',
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_layers: config.numLayers,
    num_heads: config.numHeads,
    num_kv_heads: config.numKvHeads,
    head_dim: config.headDim,
    rms_norm_eps: config.rmsNormEps,
    rope_theta: config.ropeTheta,
    mrope_section: config.mropeSection ?? null,
    latent_channels: config.latentChannels,
    latent_size: config.latentSize,
    patch_size: config.patchSize,
    num_groups: config.numGroups,
    boundaries: config.boundaries ?? null,
    time_frequency_dim: config.timeFrequencyDim,
    residual_attention: config.residualAttention,
    qkv_bias: config.qkvBias,
    prompt_template: config.promptTemplate,
    null_prompt: config.nullPrompt,
  };
}
