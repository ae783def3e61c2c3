import type { CallOptions } from '../../client/call.ts';
import { randomBase62, sha256 } from '../../client/crypto.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { createLru } from '../../client/lru.ts';
import { boundPart, KV_PREFIXES } from '../../client/redis-keys.ts';
import { RETRY_MS } from '../../client/retry-after.ts';
import { runScript, type ScriptCall } from '../../client/script.ts';
import { elapsedSince, instant } from '../../clock.ts';
import { ConfigError, StoreError } from '../../errors.ts';
import { entityName } from '../names.ts';
import { mayHaveRun, unavailableBy, unlessAway } from '../unavailable.ts';
import { claimScript, extendScript, failScript, finishScript } from './claim-scripts.ts';
import { type Claim, type Claimed, type ClaimOptions, type Settlement, spanMs } from './dedup-options.ts';

interface ClaimsOptions {
  readonly kv: KvClient;
  readonly name: string;
  readonly maxResultBytes: number;
}

/** 22 characters of base62 are a little more than 128 bits. */
const TOKEN_LENGTH = 22;
/** Claims of this process whose answers were lost, and that it may still have. */
const MAX_UNHEARD = 1_000;

const encoder = new TextEncoder();

/** Work that is to be done once. */
export function createClaims({ kv, name, maxResultBytes }: ClaimsOptions) {
  const unheard = createLru<string>(MAX_UNHEARD);

  /** The token of a claim that nobody heard of, for one caller at a time. */
  const takeUnheard = (key: string): string | undefined => {
    const token = unheard.get(key);
    unheard.delete(key);
    return token;
  };
  /** Of several the one that was sent first is the likeliest to have got through. */
  const remember = (key: string, token: string): void => {
    if (unheard.get(key) === undefined) unheard.set(key, token);
  };

  return async (subject: string, options: ClaimOptions = {}): Promise<Claim> => {
    const { processingMs = 60_000, retentionMs = 86_400_000, fingerprint = '', signal, timeoutMs } = options;
    spanMs('processingMs', processingMs);
    spanMs('retentionMs', retentionMs);
    const key = await entityName(kv, KV_PREFIXES.DEDUP, 'work', name, subject);
    const work = await boundPart(fingerprint);
    const taken = takeUnheard(key);
    const token = taken ?? randomBase62(TOKEN_LENGTH);
    // Who reads Redis cannot settle what is not theirs.
    const owner = await sha256(token);
    const call = (script: ScriptCall['script'], ...args: readonly (string | number)[]): ScriptCall => {
      return { script, keys: [key], args: [owner, ...args] };
    };

    const askedAt = instant(kv.clock);
    let reply: unknown;
    try {
      reply = await runScript(kv, call(claimScript, processingMs, work), { signal, timeoutMs });
    } catch (error) {
      if (taken !== undefined || mayHaveRun(error)) remember(key, token);
      return unavailableBy(error);
    }

    const settle = <Status extends string>(
      toSettle: ScriptCall,
      status: Status,
      callOptions?: CallOptions,
    ): Promise<Settlement<Status>> =>
      unlessAway(async () => {
        const answer = await runScript(kv, toSettle, callOptions);
        return answer === status ? { status } : { status: 'lost' };
      });
    const claimed: Claimed = {
      status: 'claimed',
      token,
      async finish(result, callOptions) {
        if (result !== undefined && encoder.encode(result).byteLength > maxResultBytes) {
          throw new ConfigError('result', `must have at most ${maxResultBytes} bytes`);
        }
        const rest = result === undefined ? [] : [result];
        return settle(call(finishScript, retentionMs, work, ...rest), 'finished', callOptions);
      },
      fail: (callOptions) => settle(call(failScript), 'freed', callOptions),
      extend: (callOptions) => settle(call(extendScript, processingMs), 'extended', callOptions),
    };
    const claim = claimFrom(reply, claimed);
    const isLate = claim.status === 'claimed' && elapsedSince(askedAt, kv.clock) >= processingMs;
    // It may still be this token's claim: the next one finds out.
    if (isLate || (taken !== undefined && claim.status === 'mismatch')) remember(key, token);
    // The process was suspended, and somebody else may have claimed it since.
    return isLate ? { status: 'unavailable', retryAfterMs: RETRY_MS, mayHaveRun: true } : claim;
  };
}

function claimFrom(reply: unknown, claimed: Claimed): Claim {
  const [status, detail]: readonly unknown[] = Array.isArray(reply) ? reply : [];
  switch (status) {
    case 'claimed':
      return claimed;
    case 'mismatch':
      return { status };
    case 'duplicate':
      return { status, result: typeof detail === 'string' ? detail : undefined };
    case 'in-progress':
      return { status, retryAfterMs: Math.max(1, Number(detail)) };
    default:
      throw new StoreError('protocol', 'A claim was answered with something else');
  }
}
