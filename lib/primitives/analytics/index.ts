export type { DatabaseOptions, DrainOutcome } from '../drain.ts';
export type { Unavailable } from '../unavailable.ts';
export { createAnalytics } from './analytics.ts';
export type {
  Analytics,
  AnalyticsDrainOptions,
  AnalyticsOptions,
  AnalyticsStats,
  Counted,
  CountOptions,
} from './analytics-options.ts';
export { analyticsSchema } from './analytics-sql.ts';
export type { Dimensions } from './event-field.ts';
