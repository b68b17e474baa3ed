import { describeValue, LatteFlowError } from '@latte-flow/core';

/** A parsed JSON object of unknown content. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Most stages of a stack and layers of a stage. A damaged file must not make a list of a thousand million of them. */
const MAX_COUNT = 1000;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads the fields of an autoencoder's config.json, and refuses what is of another kind. */
export class ConfigFields {
  readonly #json: JsonObject;

  /** @throws LatteFlowError `checkpoint-invalid` for anything but an object */
  constructor(json: unknown) {
    if (!isObject(json)) refuseConfig('a JSON object', describeValue(json));
    this.#json = json;
  }

  #value(name: string, fallback: unknown): unknown {
    return this.#json[name] ?? fallback;
  }

  integer(name: string, fallback: number, min = 1): number {
    const value = this.#value(name, fallback);
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min) return value;
    return refuseConfig(`${name} to be an integer >= ${min}`, describeValue(value));
  }

  positive(name: string, fallback: number): number {
    const value = this.#value(name, fallback);
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    return refuseConfig(`${name} to be a number > 0`, describeValue(value));
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.#value(name, fallback);
    if (typeof value === 'boolean') return value;
    return refuseConfig(`${name} to be true or false`, describeValue(value));
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    return memberOf(name, this.#value(name, fallback), allowed);
  }

  /** Any text. */
  text(name: string, fallback: string): string {
    const value = this.#value(name, fallback);
    return typeof value === 'string' ? value : refuseConfig(`${name} to be text`, describeValue(value));
  }

  #list(name: string, value: unknown): readonly unknown[] {
    if (Array.isArray(value) && value.length > 0 && value.length <= MAX_COUNT) return value as readonly unknown[];
    return refuseConfig(`${name} to be a list`, describeValue(value));
  }

  integers(name: string, fallback: readonly number[], min = 1): readonly number[] {
    const list = this.#list(name, this.#value(name, fallback));
    const fits = (item: unknown): item is number => Number.isSafeInteger(item) && (item as number) >= min;
    if (list.every(fits)) return list;
    return refuseConfig(`${name} to be integers >= ${min}`, describeValue(list));
  }

  /** Finite numbers; undefined where the field is missing. */
  numbers(name: string): readonly number[] | undefined {
    const value = this.#value(name, undefined);
    if (value === undefined) return undefined;
    const list = this.#list(name, value);
    if (list.every((item): item is number => Number.isFinite(item))) return list;
    return refuseConfig(`${name} to be numbers`, describeValue(list));
  }

  /** One name for each of `count` stages, or a single one for all. */
  perStage<T extends string>(
    name: string,
    { count, allowed, fallback }: { count: number; allowed: readonly T[]; fallback: T },
  ): readonly T[] {
    const value = this.#value(name, fallback);
    const list = Array.isArray(value) ? this.#list(name, value) : Array.from({ length: count }, () => value);
    requireCount(name, list, count);
    return list.map((item) => memberOf(name, item, allowed));
  }

  /** A list of integers for each of `count` stages. */
  integerLists(name: string, count: number): readonly (readonly number[])[] {
    const list = this.#list(
      name,
      this.#value(
        name,
        Array.from({ length: count }, () => []),
      ),
    );
    requireCount(name, list, count);
    return list.map((item) => {
      const fits = Array.isArray(item) && item.every((size) => Number.isSafeInteger(size) && size > 0);
      return fits ? (item as number[]) : refuseConfig(`${name} to be lists of integers`, describeValue(item));
    });
  }
}

function memberOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  return found ?? refuseConfig(`${name} to be one of ${allowed.join(', ')}`, describeValue(value));
}

/** Refuses lists of different lengths. */
export function requireCount(name: string, list: readonly unknown[], count: number): void {
  if (list.length !== count) refuseConfig(`${name} to have ${count} entries, one a stage`, `${list.length}`);
}

/** Refuses a config. */
export function refuseConfig(expected: string, got: string): never {
  throw new LatteFlowError('checkpoint-invalid', {
    where: 'fromPretrained',
    expected,
    got,
    remedy: 'Correct the config.json of the autoencoder.',
  });
}
