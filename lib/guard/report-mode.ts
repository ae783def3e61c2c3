import type { KvClient } from '../client/kv-client.ts';
import type { ApiKeys } from '../keys/api-keys.ts';
import type { ClientIp } from './client-ip.ts';
import { readCredential } from './credentials.ts';
import { type Allowance, allow, type Decision, type Identity, identityBy, type RefusalCode } from './decision.ts';
import type { MatchedRoute } from './routes.ts';

/** One request on a protected route, and who is told of what goes on behind the decision about it. */
export interface Visit {
  readonly request: Request;
  readonly route: MatchedRoute;
  /** When there has to be a decision, in monotonic milliseconds. */
  readonly endsAt: number;
  readonly onBackground: (work: Promise<unknown>) => void;
}

export interface ReportModeOptions {
  readonly kv: KvClient;
  readonly keys: ApiKeys<unknown>;
  readonly clientIp: ClientIp;
}

/** Refusals that say nothing of whether the key is valid. */
const BESIDE_THE_KEY: ReadonlySet<RefusalCode> = new Set([
  'path-malformed',
  'address-denied',
  'key-denied',
  'quota-exceeded',
  'limits-unavailable',
]);

/**
 * Makes of each decision one that lets pass, and tells of those that would not have. With an identity only where the key
 * is valid: one that was not looked at, because the refusal came before, is looked up now.
 */
export function createReportMode({
  kv,
  keys,
  clientIp,
}: ReportModeOptions): (decided: Decision, visit: Visit) => Promise<Allowance> {
  const lookUp = async ({ request, route, endsAt, onBackground }: Visit): Promise<Identity | undefined> => {
    const credential = route.auth === 'none' ? undefined : readCredential(request.headers);
    const timeoutMs = endsAt - kv.clock.monotonic();
    if (credential === undefined || timeoutMs < 1) return undefined;
    const call = { client: clientIp(request.headers), timeoutMs, onBackground };
    return identityBy(await keys.validate(credential, call));
  };

  return async (decided, visit) => {
    if (decided.outcome === 'allow') return { ...decided, mode: 'report' };
    const { status, code, limits, degraded } = decided;
    kv.notify({ type: 'reported', at: kv.clock.now(), status, code });
    const identity = decided.identity ?? (BESIDE_THE_KEY.has(code) ? await lookUp(visit) : undefined);
    return { ...allow(identity, limits), degraded, mode: 'report', reported: decided };
  };
}
