import { describeValue, refuseArgument, requireOneOf } from '@latte-flow/core';

import { type ClassName, classNames, defaultsOf, hiddenKeysOf, type Settings } from './scheduler-classes.ts';

/** What a loader found odd. Nothing is printed. */
export interface DiffusersWarning {
  /** `unknown`: upstream has no such key, it is left out. `ineffective`: it has one, and it changes nothing here. */
  readonly kind: 'unknown' | 'ineffective' | 'changed';
  readonly key: string;
  readonly message: string;
}

/** A parsed `scheduler_config.json`. */
export type SchedulerConfig = Readonly<Record<string, unknown>>;

export interface CompleteConfig {
  readonly className: ClassName;
  /** `_class_name` and every key that the class has, in the config's words. */
  readonly config: SchedulerConfig;
  readonly settings: Settings;
  readonly warnings: readonly DiffusersWarning[];
}

const metadata = new Set(['_class_name', '_diffusers_version']);

const kindOf = (value: unknown) => (Array.isArray(value) ? 'list' : typeof value);

/** Adds the defaults of the class, and tells apart what is known. Refuses values of the wrong type. */
export function completeConfig(where: string, json: SchedulerConfig): CompleteConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    refuseArgument({
      where,
      expected: 'the object of a scheduler_config.json',
      got: describeValue(json),
      remedy: 'Parse the file first.',
    });
  }
  const className = requireOneOf(where, '_class_name', json['_class_name'], classNames);
  const defaults: SchedulerConfig = defaultsOf(className);
  const hidden: SchedulerConfig = hiddenKeysOf(className);
  const known = { ...hidden, ...defaults };
  // An absent value is null upstream; a key without one takes its default.
  const given = Object.entries(json).filter(([key, value]) => value !== null && !metadata.has(key));
  const mine = given.filter(([key]) => Object.hasOwn(known, key));
  for (const [key, value] of mine) {
    const type = kindOf(known[key]);
    if (type !== 'object' && type !== 'string' && (kindOf(value) !== type || Number.isNaN(value))) {
      refuseArgument({
        where,
        expected: `${key} to be a ${type}`,
        got: describeValue(value),
        remedy: `Correct it in the config, the default is ${JSON.stringify(known[key])}.`,
        data: { key },
      });
    }
  }
  return {
    className,
    config: { _class_name: className, ...defaults, ...Object.fromEntries(mine) },
    settings: { ...known, ...Object.fromEntries(mine) } as unknown as Settings,
    warnings: given
      .filter(([key]) => !Object.hasOwn(known, key))
      .map(([key]) => ({ kind: 'unknown', key, message: `${className} has no ${key}; it is left out.` })),
  };
}
