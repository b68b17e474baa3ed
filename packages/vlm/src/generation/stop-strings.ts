import { describeValue, refuseArgument } from '@latte-flow/core';

/** @throws LatteFlowError `invalid-argument` for anything but a list of strings with text in them */
export function requireStopStrings(where: string, stop: readonly string[]): readonly string[] {
  const isText = (value: unknown): boolean =>
    typeof value === 'string' && value !== '' && !/\p{Surrogate}/u.test(value);
  if (Array.isArray(stop) && stop.every(isText)) return stop;
  return refuseArgument({
    where,
    expected: 'stop to be a list of strings with text in them',
    got: describeValue(stop),
    remedy: "Pass e.g. ['\\n'], or leave stop out.",
  });
}

/** Length of the longest end of a text that begins a stop string. */
function heldBack(text: string, stop: string): number {
  let length = Math.min(text.length, stop.length - 1);
  while (length > 0 && !stop.startsWith(text.slice(text.length - length))) length--;
  return length;
}

/**
 * Lets a text through up to the first stop string. What may yet become one waits, so that no part of a stop string is
 * ever shown, wherever the pieces are cut: "first" is the one that ends first.
 */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';
  #found = false;

  /** @throws LatteFlowError `invalid-argument` */
  constructor(stop: readonly string[] = []) {
    this.#stops = requireStopStrings('generate', stop);
  }

  /** True once a stop string has come. */
  get found(): boolean {
    return this.#found;
  }

  /** Takes the next piece; returns what can be shown of it and of what waited. */
  push(piece: string): string {
    if (this.#found) return '';
    const text = this.#held + piece;
    const matches = this.#stops
      .map((stop) => ({ start: text.indexOf(stop), length: stop.length }))
      .filter(({ start }) => start >= 0)
      .sort((a, b) => a.start + a.length - (b.start + b.length) || a.start - b.start);
    this.#found = matches.length > 0;
    const waiting = Math.max(0, ...this.#stops.map((stop) => heldBack(text, stop)));
    const shown = text.slice(0, matches[0]?.start ?? text.length - waiting);
    this.#held = this.#found ? '' : text.slice(text.length - waiting);
    return shown;
  }

  /** The text is over: what waited was no stop string. */
  finish(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }
}
