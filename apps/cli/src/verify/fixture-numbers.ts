import { describeValue } from '@latte-flow/core';

import type { Json } from './discover.ts';
import type { Bound } from './report.ts';

/** What the float64 figures of the references are matched within, where the file states nothing else. */
const FLOAT64_TOLERANCE = 1e-10;

/** `value` if it is an object, else an empty one. */
export function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

/** The objects of a list; none if it is no list. */
export function objectsOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

/** The numbers of a nested list in order; anything else in it is refused. */
export function numbersOf(nested: unknown, name: string): number[] {
  const flat: unknown[] = [nested].flat(Number.POSITIVE_INFINITY);
  if (flat.length > 0 && flat.every((value) => typeof value === 'number')) return flat as number[];
  throw new TypeError(`The fixture has no numbers as ${name}, but ${describeValue(nested)}.`);
}

/** A number that the fixture must state. */
export function numberOf(fields: Json, name: string): number {
  const value = fields[name];
  if (typeof value === 'number') return value;
  throw new TypeError(`The fixture has no number as ${name}, but ${describeValue(value)}.`);
}

/** Relative, within the fixture's own `tolerance` (a number, or one a precision) where it has one. */
export function float64Bound({ tolerance }: Json): Bound {
  const stated = objectOf(tolerance)['f64'] ?? tolerance;
  return { metric: 'relative', tolerance: typeof stated === 'number' ? stated : FLOAT64_TOLERANCE };
}
