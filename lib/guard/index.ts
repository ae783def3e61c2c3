export { coversScopes } from '../keys/scopes.ts';
export type { AccessListOptions } from './access-lists.ts';
export { type ClientIp, type ClientIpSource, createClientIp } from './client-ip.ts';
export type { Allowance, Decision, Degradation, GuardMode, Identity, Refusal, RefusalCode } from './decision.ts';
export { createGuard, type Guard, type GuardOptions } from './guard.ts';
export {
  createIdentitySeal,
  IDENTITY_HEADER,
  type IdentitySeal,
  type IdentitySealOptions,
} from './identity.ts';
export { type IdentityCheck, identityProblem, withScopes } from './identity-check.ts';
export { problem } from './problem.ts';
export type { RateHeaderOptions, RateHeaderVersion } from './rate-headers.ts';
export { DEGRADED_HEADER, decisionHeaders, toResponse } from './respond.ts';
export type { Route, SubjectKind } from './routes.ts';
