import { Ratelimit } from '@upstash/ratelimit';
import { Redis } from '@upstash/redis';
import { modules } from './servers.mjs';

/**
 * What is compared: `limit` permits per `windowMs` for one subject.
 *
 * @typedef {{ limit: number, windowMs: number }} Quota
 * @typedef {() => Promise<boolean>} Check one check of one process; whether it was allowed
 * @typedef {object} Contender
 * @property {string} name
 * @property {number} overAdmission what a lease adds at most, as a share of the limit; 0 where exact
 * @property {'rolling' | 'windows'} kind whether permits come back one by one, or by calendar window
 * @property {(check: Check) => Promise<boolean>} restsOnRedis makes a check: whether Redis has answered it
 * @property {(rest: { url: string, token: string }, quota: Quota, processes: number) => Promise<readonly Check[]>} start
 */

let runs = 0;

/** Connections are made and scripts known before anything is counted. */
async function warm(checks) {
  for (const [index, check] of checks.entries()) await check(`warm${runs}-${index}`);
  return checks;
}

/**
 * @param {{ survives?: boolean, requestTimeoutMs?: number | undefined }} [settings] `survives`: an answer that this process
 *   gives by itself is one
 * @returns {Contender}
 */
export function ours(algorithm, maxOverAdmission = 0, settings = { requestTimeoutMs: 10_000 }) {
  const { survives = false, requestTimeoutMs } = settings;
  let basis;
  return {
    name: maxOverAdmission > 0 ? `${algorithm}, leased ${maxOverAdmission * 100} %` : algorithm,
    overAdmission: maxOverAdmission,
    kind: algorithm === 'gcra' ? 'rolling' : 'windows',
    async start(rest, quota, processes) {
      const { createKv, createLimiter, upstashStore } = await modules();
      runs += 1;
      const subject = `run${runs}`;
      const checks = Array.from({ length: processes }, () => {
        const kv = createKv({ store: upstashStore(rest), requestTimeoutMs });
        const limiter = createLimiter({ kv, policies: [{ name: 'p', algorithm, maxOverAdmission, ...quota }] });
        return async (p = subject) => {
          const result = await limiter.check({ p });
          basis = result.basis;
          if (basis === 'local' && !survives) throw new Error('Redis was away');
          return result.allowed;
        };
      });
      return warm(checks);
    },
    async restsOnRedis(check) {
      await check();
      return basis === 'store';
    },
  };
}

/** @returns {Contender} */
export function upstash(name, limiterOf, options = {}) {
  let reason;
  return {
    name: `upstash ${name}`,
    overAdmission: 0,
    kind: 'windows',
    async start(rest, { limit, windowMs }, processes) {
      runs += 1;
      const identifier = `run${runs}`;
      const checks = Array.from({ length: processes }, () => {
        const ratelimit = new Ratelimit({
          redis: new Redis({ ...rest, enableTelemetry: false }),
          limiter: limiterOf(limit, `${windowMs} ms`),
          analytics: false,
          enableTelemetry: false,
          ephemeralCache: new Map(),
          timeout: 10_000,
          ...options,
        });
        return async (subject = identifier) => {
          const result = await ratelimit.limit(subject);
          reason = result.reason;
          await result.pending;
          return result.success;
        };
      });
      return warm(checks);
    },
    async restsOnRedis(check) {
      return check().then(
        () => reason !== 'timeout',
        () => false,
      );
    },
  };
}

export const UPSTASH = [
  upstash('fixedWindow', (limit, window) => Ratelimit.fixedWindow(limit, window)),
  upstash('slidingWindow', (limit, window) => Ratelimit.slidingWindow(limit, window)),
  upstash('slidingWindow, no cache', (limit, window) => Ratelimit.slidingWindow(limit, window), {
    ephemeralCache: false,
  }),
  upstash('tokenBucket', (limit, window) => Ratelimit.tokenBucket(limit, window, limit)),
  upstash('cachedFixedWindow', (limit, window) => Ratelimit.cachedFixedWindow(limit, window)),
];
