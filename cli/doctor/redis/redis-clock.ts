import { isErrorReply } from '../../../lib/store/store.ts';
import type { Check, OnlineContext } from '../check.ts';
import { finding, ok, type Said, skipped } from '../finding.ts';

const LOOKS = 3;
const SKEW_MS = 1_000;
const FAR_OFF_MS = 30_000;

/** How far the clock of Redis is from ours: the look that was answered soonest tells most. */
export const clockCheck: Check<OnlineContext> = {
  name: 'clock',
  group: 'Connection',
  async run({ redis, now }): Promise<readonly Said[]> {
    let best: { readonly skewMs: number; readonly unsureMs: number } | undefined;
    for (let look = 0; look < LOOKS; look += 1) {
      const sentAt = now();
      const [reply] = await redis.attempt([['TIME']]);
      const tripMs = Math.max(0, now() - sentAt);
      if (isErrorReply(reply) || !Array.isArray(reply)) return [skipped('TIME is not answered')];
      const [seconds, micros] = reply.map(Number);
      const redisAt = (seconds ?? Number.NaN) * 1_000 + (micros ?? Number.NaN) / 1_000;
      const seen = { skewMs: redisAt - sentAt - tripMs / 2, unsureMs: tripMs / 2 };
      if (!best || seen.unsureMs < best.unsureMs) best = seen;
    }
    if (!best || Number.isNaN(best.skewMs)) return [skipped('TIME is not answered with a time')];
    const sure = Math.max(0, Math.abs(best.skewMs) - best.unsureMs);
    if (sure <= SKEW_MS) return [ok(`within ${Math.ceil(Math.abs(best.skewMs) + best.unsureMs)} ms of that of Redis`)];
    const what = `The clock of this machine and that of Redis are ${Math.round(sure / 1_000)} s apart`;
    const fix = 'Let both be set by NTP: which is wrong, date -u on either tells';
    return [finding(sure > FAR_OFF_MS ? 'clock-far-off' : 'clock-skew', what, fix)];
  },
};
