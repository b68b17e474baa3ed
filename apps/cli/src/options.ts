import { weightDtypes, type DtypeRules } from '@latte-flow/checkpoint';
import { requireFinite, requireInteger, requireOneOf } from '@latte-flow/core';
import { deviceOptions, type DeviceOption } from '@latte-flow/runtime';
import { Option } from 'commander';

/** Where a command line is refused, for error messages. */
export type CommandName = `latte ${string}`;

/** A number as it was typed; anything else stays text, for the message that refuses it. */
function typedNumber(text: string): number | string {
  return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
}

/** @throws LatteFlowError `invalid-argument` naming the option */
export function integerOption(where: CommandName, name: string, { text, min }: { text: string; min: number }): number {
  return requireInteger(where, name, typedNumber(text), { min });
}

/** @throws LatteFlowError `invalid-argument` naming the option */
export function finiteOption(
  where: CommandName,
  name: string,
  { text, ...bounds }: { text: string; min?: number; max?: number },
): number {
  return requireFinite(where, name, typedNumber(text), bounds);
}

/** @throws LatteFlowError `invalid-argument` naming the devices */
export function deviceOption(where: CommandName, text: string): DeviceOption {
  return requireOneOf(where, '--device', text, deviceOptions);
}

export const deviceFlag = (): Option => new Option('--device <name>', deviceOptions.join(', ')).default('auto');

export const modelFlag = (): Option =>
  new Option('--model <id>', 'folder, http(s) URL or owner/name on the Hub (default: the shipped emoji model)');

export const jsonFlag = (): Option => new Option('--json', 'print one JSON object on stdout and nothing else');

/** `--dtype int4`, or `--dtype 'visual.*=float16' --dtype int8`; may be given several times. */
export const dtypeFlag = (dtypes: readonly string[] = weightDtypes): Option =>
  new Option(
    '--dtype <rule>',
    `${dtypes.join(', ')}, or PATTERN=DTYPE for the tensors that a pattern with * matches (repeatable)`,
  ).argParser((rule: string, before: readonly string[] = []) => [...before, rule]);

/**
 * The rules that `--dtype` gave: patterns in their order, then what holds for all others.
 * @throws LatteFlowError `invalid-argument` naming the dtypes
 */
export function dtypeOption(where: CommandName, rules: readonly string[]): DtypeRules {
  const named = rules.map((rule) => {
    const split = rule.lastIndexOf('=');
    const dtype = requireOneOf(where, '--dtype', rule.slice(split + 1), weightDtypes);
    return [split < 0 ? '*' : rule.slice(0, split), dtype] as const;
  });
  return Object.fromEntries(named.toSorted(([a], [b]) => Number(a === '*') - Number(b === '*')));
}

/**
 * Names with commas between them.
 * @throws LatteFlowError `invalid-argument` naming those allowed
 */
export function listOption<T extends string>(
  where: CommandName,
  name: string,
  { text, allowed }: { text: string; allowed: readonly T[] },
): T[] {
  return text.split(',').map((one) => requireOneOf(where, name, one.trim(), allowed));
}
