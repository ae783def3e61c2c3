import type { Check, OnlineContext } from '../check.ts';
import { finding, ok, type Said, skipped } from '../finding.ts';

const MIB = 1_048_576;
const NEARLY_USED = 0.8;

/** What of a plan can be known from here. A plan that is used up is found as soon as Redis is asked. */
export const planCheck: Check<OnlineContext> = {
  name: 'plan usage',
  group: 'Data',
  async run({ redis, settings }): Promise<readonly Said[]> {
    const info = await redis.info();
    const used = Number(info?.get('used_memory'));
    const most = settings.plan?.maxBytes ?? Number(info?.get('maxmemory'));
    if (!Number.isFinite(used) || !(most > 0)) {
      return [
        skipped('not told by Redis: KV_PLAN_COMMANDS_PER_DAY and KV_PLAN_MAX_BYTES let the application warn at 80 %'),
      ];
    }
    const measured = `${(used / MIB).toFixed(1)} of ${(most / MIB).toFixed(1)} MiB`;
    if (settings.plan?.maxBytes !== undefined && used > most * NEARLY_USED) {
      const what = `The plan is nearly used: ${measured} of KV_PLAN_MAX_BYTES`;
      return [finding('plan-nearly-used', what, 'Raise the plan, or shorten the life of what is kept there')];
    }
    return [ok(`${measured}; how many requests are left, the provider alone knows`)];
  },
};
