import { randomBytes } from 'node:crypto';
import { sha1Hex } from '../../../lib/client/crypto.ts';
import { problemOf } from '../../../lib/store/reply-problem.ts';
import { isErrorReply, type Reply } from '../../../lib/store/store.ts';
import type { Check, OnlineContext } from '../check.ts';
import { finding, ok, type Said, skipped } from '../finding.ts';

/** A script of nobody's: reads the time, writes, and removes what it wrote. */
const SCRIPT = `redis.call('TIME')
redis.call('SET', KEYS[1], ARGV[1], 'PX', 10000)
return redis.call('DEL', KEYS[1])`;

/** Whether Redis runs Lua, by its text and by its hash. Limits, keys and locks are scripts. */
export const scriptsCheck: Check<OnlineContext> = {
  name: 'scripts',
  group: 'Redis',
  async run({ redis, settings }): Promise<readonly Said[]> {
    const key = `${settings.namespace}doctor:${randomBytes(9).toString('hex')}`;
    const [byText] = await redis.attempt([['EVAL', SCRIPT, 1, key, '1']]);
    const [byHash] = await redis.attempt([['EVALSHA', await sha1Hex(SCRIPT), 1, key, '1']]);
    if (byText === 1 && byHash === 1) return [ok('Lua runs, by text and by hash')];
    // What is not permitted, or not served now, is for another check to tell.
    if ([byText, byHash].some((reply) => isErrorReply(reply) && problemOf(reply.error) !== undefined)) {
      return [skipped('could not be tried: see permissions')];
    }
    const isLocal = isErrorReply(byText) && byText.error.includes('no Lua engine');
    return [
      finding(
        'no-scripts',
        isErrorReply(byText) ? 'Lua scripts do not run: EVAL is answered with an error' : hashless(byHash),
        isLocal
          ? 'Install fengari and start breakwater dev again, or give it a Redis with --redis'
          : 'Use a Redis 7.0 or newer, Valkey, or Upstash, without a proxy in front that leaves scripts out',
        ...(isLocal ? ['npm install fengari'] : []),
      ),
    ];
  },
};

function hashless(reply: Reply | undefined): string {
  return isErrorReply(reply)
    ? 'A script that was just sent is not known by its hash (EVALSHA): each would be sent whole every time'
    : 'A Lua script runs, and does not answer what it should';
}
