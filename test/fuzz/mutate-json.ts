import type { Draws } from './draws.ts';

const HOSTILE_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1,
  2,
  3,
  0.5,
  1e-308,
  1e9,
  2 ** 31,
  2 ** 32 + 1,
  2 ** 53,
  1e300,
  '',
  '0',
  'F32',
  'int4',
  '../x',
  '/etc/passwd',
  '__proto__',
  '\u0000',
  '\ud800',
  'x'.repeat(300),
  '(a+)+$',
  [],
  {},
  [null],
  [[]],
  [-1, 2],
  [1e9, 1e9],
  { '': {} },
  { length: 2 ** 31 },
  { toString: 1 },
];

type Place = { readonly holder: Record<string, unknown>; readonly key: string };

/** Every value inside, with where it lies. */
function placesOf(value: unknown, places: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return places;
  for (const key of Object.keys(value)) {
    const holder = value as Record<string, unknown>;
    places.push({ holder, key });
    placesOf(holder[key], places);
  }
  return places;
}

function change({ holder, key }: Place, other: Place, draws: Draws): void {
  const value = holder[key];
  const kind = draws.below(7);
  if (kind === 0) delete holder[key];
  else if (kind === 1) holder[key] = other.holder[other.key];
  else if (kind === 2 && typeof value === 'number') holder[key] = value + draws.pick([-1, 1, 0.5, 1e6]);
  else if (kind === 3 && typeof value === 'string') holder[key] = value.slice(0, draws.below(value.length + 1));
  else if (kind === 4 && Array.isArray(value)) value.push(structuredClone(draws.pick(HOSTILE_VALUES)));
  else if (kind === 5 && !Array.isArray(holder)) holder[`${key}${draws.pick(['', '_', '.scale'])}`] = value;
  else holder[key] = structuredClone(draws.pick(HOSTILE_VALUES));
}

/** The JSON text of a value of which one to four parts were changed. */
export function mutateJson(value: unknown, draws: Draws): string {
  let json = JSON.stringify(value);
  for (let count = draws.pick([1, 1, 1, 2, 3, 4]); count > 0; count--) {
    const copy: unknown = JSON.parse(json);
    const places = placesOf(copy);
    if (places.length === 0) return JSON.stringify(draws.pick(HOSTILE_VALUES)) ?? 'null';
    change(draws.pick(places), copyOf(draws.pick(places)), draws);
    json = JSON.stringify(copy);
  }
  return json;
}

/** A copy, so that no value comes to lie inside itself. */
function copyOf({ holder, key }: Place): Place {
  return { holder: { [key]: structuredClone(holder[key]) }, key };
}
