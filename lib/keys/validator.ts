import type { CallOptions } from '../client/call.ts';
import type { KvClient } from '../client/kv-client.ts';
import { REDIS_TIME_LUA, redisNowMs } from '../client/redis-time.ts';
import { defineScript, runScript, type Script } from '../client/script.ts';
import { instant } from '../clock.ts';
import type { Digester } from './digest.ts';
import type { KeyFormat } from './key-format.ts';
import { LOOKUP_LUA, lookup } from './lookup.ts';
import { type Fill, type Finding, type Question, questionOf } from './question.ts';
import type { Validation } from './validation.ts';
import type { Verifier } from './verifier.ts';

/** Bounds of one validation. */
export interface ValidateOptions extends CallOptions {
  /** The client's address: too many unknown keys lock it out, from unknown keys. @default nobody's misses are counted */
  readonly client?: string | undefined;
  /**
   * Told of work that goes on behind the answer, for the platform's `waitUntil`. Never rejects. @default nobody
   */
  readonly onBackground?: ((work: Promise<unknown>) => void) | undefined;
}

export interface ValidatorOptions<Config> {
  readonly kv: KvClient;
  readonly format: KeyFormat;
  readonly digest: Digester;
  readonly verifier: Verifier<Config>;
  readonly budgetMs: number;
}

/** As {@link LOOKUP_LUA} says; answers status and text. */
const lookupScript: Script = defineScript({
  name: 'key-lookup',
  lua: `${LOOKUP_LUA}${REDIS_TIME_LUA}
local status, text = lookup(redis_now_ms())
return {status, text or ''}
`,
  memory(redis, keys, args) {
    const found = lookup(redis, keys, args, redisNowMs(redis));
    return [found.status, found.text];
  },
});

/** Who a key is, by itself: without limits. */
export type Validate<Config> = (key: string, options?: ValidateOptions) => Promise<Validation<Config>>;

export function createValidator<Config>(options: ValidatorOptions<Config>): Validate<Config> {
  const { kv, format, digest: toDigest, verifier, budgetMs } = options;

  const askRedis = async (question: Question, call: CallOptions, fill?: Fill): Promise<Finding<Config>> => {
    const { keys, args } = verifier.lookup(question, fill);
    const askedAt = instant(kv.clock);
    const reply = await runScript(kv, { script: lookupScript, keys, args: ['', ...args] }, call);
    const [status, text] = Array.isArray(reply) ? reply : [];
    return verifier.learn(question, status, text, askedAt);
  };

  return async (key, { client, signal, timeoutMs = budgetMs, onBackground } = {}) => {
    if (!format.accepts(key)) return { status: 'INVALID', reason: 'malformed' };
    const endsAt = kv.clock.monotonic() + Math.min(timeoutMs, budgetMs);
    const call = () => ({ signal, timeoutMs: Math.max(1, endsAt - kv.clock.monotonic()) });
    const question = await questionOf(await toDigest.all(key), client, onBackground);
    const recent = verifier.recent(question);
    if (recent) return recent;
    const finding = await askRedis(question, call()).catch((error: unknown) => verifier.without(question, error));
    if (finding.status !== 'ASK') return finding;
    const { validation, fill } = await verifier.consult(question, finding, endsAt - kv.clock.monotonic(), signal);
    if (!fill) return validation;
    // Where no time is left nobody waits for Redis to hear of it; but that it was no miss it has to hear.
    const isLate = endsAt - kv.clock.monotonic() < 1;
    const settling = askRedis(question, isLate ? {} : call(), fill).catch(() => validation);
    if (isLate) onBackground?.(settling);
    const settled = isLate ? validation : await settling;
    return settled.status === 'ASK' ? validation : settled;
  };
}
