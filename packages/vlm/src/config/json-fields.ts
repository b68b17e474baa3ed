import { describeValue, LatteFlowError } from '@latte-flow/core';

/** A parsed JSON object of unknown content. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Most layers of a stack. A damaged file must not make a list of a thousand million of them. */
export const MAX_LAYERS = 1000;

interface IntegerBounds {
  /** Default 1. */
  readonly min?: number;
  readonly max?: number;
  readonly fallback?: number;
}

/**
 * Reads fields of a JSON configuration, each by one or more spellings, and refuses what is missing, of another kind,
 * or given twice with different values. `places` are searched in order.
 */
export class JsonFields {
  readonly #where: string;
  readonly #places: readonly JsonObject[];

  constructor(where: string, places: readonly JsonObject[]) {
    this.#where = where;
    this.#places = places;
  }

  /** The first value found under one of `names` that is neither undefined nor null; all that are found must agree. */
  #find(names: readonly string[]): unknown {
    const found = this.#places
      .flatMap((place) => names.map((name) => place[name]))
      .filter((value) => value !== undefined && value !== null);
    const [first] = found;
    const other = found.find((value) => JSON.stringify(value) !== JSON.stringify(first));
    if (other !== undefined) {
      this.refuse(`one value of ${names.join(' / ')}`, `${describeValue(first)} and ${describeValue(other)}`);
    }
    return first;
  }

  refuse(expected: string, got: string): never {
    throw new LatteFlowError('checkpoint-invalid', {
      where: this.#where,
      expected,
      got,
      remedy: 'Correct the configuration file of the checkpoint.',
    });
  }

  integer(names: readonly string[], options: IntegerBounds = {}): number {
    const { min = 1, max = Number.MAX_SAFE_INTEGER, fallback } = options;
    const value = this.#find(names) ?? fallback;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
    const bounds = options.max === undefined ? `>= ${min}` : `in [${min}, ${max}]`;
    return this.refuse(`${names.join(' / ')} to be an integer ${bounds}`, describeValue(value));
  }

  positive(names: readonly string[], fallback?: number): number {
    const value = this.#find(names) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    return this.refuse(`${names.join(' / ')} to be a number > 0`, describeValue(value));
  }

  boolean(names: readonly string[], fallback: boolean): boolean {
    const value = this.#find(names) ?? fallback;
    if (typeof value === 'boolean') return value;
    return this.refuse(`${names.join(' / ')} to be true or false`, describeValue(value));
  }

  oneOf<T extends string>(names: readonly string[], allowed: readonly T[], fallback: T): T {
    const value = this.#find(names) ?? fallback;
    const found = allowed.find((candidate) => candidate === value);
    return found ?? this.refuse(`${names.join(' / ')} to be one of ${allowed.join(', ')}`, describeValue(value));
  }

  numbers(
    names: readonly string[],
    options: { readonly length?: number; readonly fallback?: readonly number[] } = {},
  ): readonly number[] {
    const { length, fallback } = options;
    const value = this.#find(names) ?? fallback;
    const isList = Array.isArray(value) && value.every((item) => typeof item === 'number' && Number.isFinite(item));
    if (isList && (length === undefined || value.length === length)) return value as number[];
    return this.refuse(`${names.join(' / ')} to be a list of ${length ?? ''} numbers`, describeValue(value));
  }

  /** The object under one of `names`, `{}` where there is none. */
  object(names: readonly string[]): JsonObject {
    const value = this.#find(names) ?? {};
    return isJsonObject(value) ? value : this.refuse(`${names.join(' / ')} to be an object`, describeValue(value));
  }

  has(name: string): boolean {
    return this.#find([name]) !== undefined;
  }
}
