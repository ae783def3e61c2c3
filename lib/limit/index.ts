export type { OnUnavailable } from './ledger.ts';
export type { CheckOptions, Limiter, LimiterOptions, Subjects } from './limiter.ts';
export { createLimiter } from './limiter.ts';
export type { Algorithm, Policy, Quota } from './policy.ts';
export type { Basis, LimitResult, PolicyResult } from './result.ts';
