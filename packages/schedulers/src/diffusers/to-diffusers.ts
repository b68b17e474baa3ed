import { refuseArgument } from '@latte-flow/core';

import { fromDiffusersConfig } from './from-diffusers.ts';
import type { SchedulerConfig } from './scheduler-config.ts';

/**
 * A complete `scheduler_config.json`: `_class_name` and every key of the class, with its default where none is given. Takes
 * what `fromDiffusersConfig` returned, or a class and the keys that differ.
 * @throws LatteFlowError `invalid-argument` as `fromDiffusersConfig`, and for keys that the class does not have.
 */
export function toDiffusersConfig({
  className,
  config = {},
}: {
  readonly className: string;
  readonly config?: SchedulerConfig;
}): SchedulerConfig {
  const scheduler = fromDiffusersConfig({ ...config, _class_name: className });
  const unknown = scheduler.warnings.find(({ kind }) => kind === 'unknown');
  if (unknown === undefined) return scheduler.config;
  return refuseArgument({
    where: 'toDiffusersConfig',
    expected: `keys of ${className}`,
    got: unknown.key,
    remedy: 'Leave it out; upstream would ignore it.',
  });
}
