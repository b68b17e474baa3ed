import { describeValue, refuseArgument } from './errors.ts';

interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

function boundsText({ min, max }: Bounds): string {
  if (min !== undefined && max !== undefined) return ` in [${min}, ${max}]`;
  if (min !== undefined) return ` >= ${min}`;
  return max === undefined ? '' : ` <= ${max}`;
}

function within(value: number, { min = -Infinity, max = Infinity }: Bounds): boolean {
  return value >= min && value <= max;
}

/** Returns `value` if it is a safe integer within the bounds (inclusive), else refuses it by name. */
export function requireInteger(where: string, name: string, value: unknown, bounds: Bounds = {}): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && within(value, bounds)) return value;
  return refuseArgument({
    where,
    expected: `${name} to be an integer${boundsText(bounds)}`,
    got: describeValue(value),
    remedy: `Pass an integer${boundsText(bounds)} as ${name}.`,
    data: { [name]: value },
  });
}

/** Returns `value` if it is a finite number within the bounds (inclusive), else refuses it by name. */
export function requireFinite(where: string, name: string, value: unknown, bounds: Bounds = {}): number {
  if (typeof value === 'number' && Number.isFinite(value) && within(value, bounds)) return value;
  return refuseArgument({
    where,
    expected: `${name} to be a finite number${boundsText(bounds)}`,
    got: describeValue(value),
    remedy: `Pass a finite number${boundsText(bounds)} as ${name}.`,
    data: { [name]: value },
  });
}

/** Returns `value` if it is a finite number above 0, else refuses it by name. */
export function requirePositive(where: string, name: string, value: unknown): number {
  if (typeof value === 'number' && value > 0 && value < Infinity) return value;
  return refuseArgument({
    where,
    expected: `${name} to be a finite number > 0`,
    got: describeValue(value),
    remedy: `Pass a positive number as ${name}.`,
    data: { [name]: value },
  });
}

/** Returns `value` if it is one of the `allowed` names, else refuses it and lists them. */
export function requireOneOf<T extends string>(where: string, name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  return refuseArgument({
    where,
    expected: `${name} to be one of ${allowed.join(', ')}`,
    got: describeValue(value),
    remedy: `Choose one of ${allowed.join(', ')}.`,
    data: { [name]: value, allowed },
  });
}
