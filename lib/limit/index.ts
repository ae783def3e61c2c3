export type { Quota } from '../client/quota.ts';
export type { OnUnavailable } from './ledger.ts';
export type { CheckOptions, Limiter, LimiterOptions, Subjects, WaitOptions } from './limiter.ts';
export { createLimiter } from './limiter.ts';
export type { Algorithm, Plan, Policy, QuotaOf } from './policy.ts';
export type { Basis, LimitResult, PolicyResult } from './result.ts';
