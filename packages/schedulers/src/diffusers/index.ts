export { upstreamCompat } from './compat.ts';
export type { DiffusersCompat } from './compat.ts';
export { fromDiffusersConfig } from './from-diffusers.ts';
export type { DiffusersScheduler } from './from-diffusers.ts';
export type { DiffusersSchedule, ScheduleOptions } from './schedule.ts';
export type { ClassName } from './scheduler-classes.ts';
export type { DiffusersWarning, SchedulerConfig } from './scheduler-config.ts';
export { toDiffusersConfig } from './to-diffusers.ts';
