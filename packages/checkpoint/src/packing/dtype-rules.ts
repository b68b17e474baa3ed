import { describeValue, refuseArgument, requireOneOf, type Shape } from '@latte-flow/core';

/** What weights are kept as. */
export const weightDtypes = ['float32', 'float16', 'int8', 'int4'] as const;
export type WeightDtype = (typeof weightDtypes)[number];
/** Those that take less room than float32. */
export type PackedDtype = Exclude<WeightDtype, 'float32'>;

/**
 * One dtype for all weights, or one for each pattern of names; `*` stands for any characters, the first pattern that
 * matches counts, and what none matches is float32: `{ 'visual.*': 'float16', '*': 'int4' }`.
 */
export type DtypeRules = WeightDtype | Readonly<Record<string, WeightDtype>>;

const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');

/**
 * What a tensor becomes. Only floating-point tensors of two axes and more are packed (linear, embedding and convolution
 * weights): biases and norms take next to no room, and stay float32.
 * @throws LatteFlowError `invalid-argument` naming a dtype that there is not
 */
export function dtypeOf(rules: DtypeRules): (name: string, shape: Shape) => WeightDtype {
  if (typeof rules !== 'string' && (typeof rules !== 'object' || rules === null || Array.isArray(rules))) {
    refuseArgument({
      where: 'dtype',
      expected: `one of ${weightDtypes.join(', ')}, or an object of such by pattern`,
      got: describeValue(rules),
      remedy: "Pass for example 'int8' or { 'visual.*': 'float16', '*': 'int4' }.",
    });
  }
  const patterns = Object.entries(typeof rules === 'string' ? { '*': rules } : rules).map(([pattern, dtype]) => {
    requireOneOf('dtype', typeof rules === 'string' ? 'dtype' : `dtype of ${pattern}`, dtype, weightDtypes);
    return [new RegExp(`^${pattern.split('*').map(escaped).join('.*')}$`, 's'), dtype] as const;
  });
  return (name, shape) =>
    shape.length < 2 ? 'float32' : (patterns.find(([pattern]) => pattern.test(name))?.[1] ?? 'float32');
}
