export type { DatabaseOptions, DrainOutcome } from '../drain.ts';
export type { Unavailable } from '../unavailable.ts';
export { createUsage } from './usage.ts';
export type {
  DayCount,
  Flushed,
  LimitCheck,
  Usage,
  UsageDrainOptions,
  UsageFound,
  UsageOptions,
  UsageRead,
  UsageStats,
} from './usage-options.ts';
export { usageSchema } from './usage-sql.ts';
