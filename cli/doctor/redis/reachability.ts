import { problemOf } from '../../../lib/store/reply-problem.ts';
import { isErrorReply } from '../../../lib/store/store.ts';
import type { Check, OnlineContext } from '../check.ts';
import { variableOfStore } from '../environment/store-choice.ts';
import { ok, type Said } from '../finding.ts';
import { isUnexplained, notServing, reachFinding, usedUp } from './failure.ts';
import { placeOf, speaksOtherWay } from './tls-look.ts';

const REACH_MS = 3_000;

/** Whether Redis answers at all; if it does not, why. Everything else waits for it. */
export const reachabilityCheck: Check<OnlineContext> = {
  name: 'reachable',
  group: 'Connection',
  async run(context): Promise<readonly Said[]> {
    try {
      const [reply] = await context.redis.ask([['PING']], { timeoutMs: REACH_MS });
      const text = isErrorReply(reply) ? reply.error : '';
      const problem = problemOf(text);
      if (problem === 'quota') return [usedUp()];
      // A Redis that cannot save still reads, and says so to PING as well: durability tells of it.
      if (problem === 'unavailable' && !/^(?:MISCONF|OOM)/.test(text)) return [notServing(text.split(' ', 1)[0])];
      return [ok('Redis answers')];
    } catch (error) {
      const place = placeOf(context.settings.store);
      const otherWay = place !== undefined && isUnexplained(error) && (await speaksOtherWay(place));
      return [reachFinding(error, variableOfStore(context), place, otherWay)];
    }
  },
};
