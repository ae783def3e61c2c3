import { defineScript, runScriptsWith, type Script } from '../../client/script.ts';
import type { Command } from '../../store/store.ts';
import { archivedFrom } from './archived-text.ts';
import type { ArchivedSession, SessionArchive } from './session-archive.ts';
import { accepted, type SessionBase, tellUnreadable, unlessAway } from './session-base.ts';
import { closedOf, type SessionEnding, UNREADABLE } from './session-ending.ts';
import { addressOf, publicId, readAddress } from './session-names.ts';
import type { SessionSweep } from './session-options.ts';

/**
 * Takes off the index what was looked at. KEYS: index. ARGV: the latest instant that was due; ids. What has been put there
 * anew meanwhile, for later, stays.
 */
export const settleScript: Script = defineScript({
  name: 'session-settle',
  lua: `
for place = 2, #ARGV do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[place])
  if score and tonumber(score) <= tonumber(ARGV[1]) then redis.call('ZREM', KEYS[1], ARGV[place]) end
end
return 1
`,
  memory(redis, [index = ''], [due, ...ids]) {
    for (const id of ids) {
      const score = redis.call('ZSCORE', index, id);
      if (score !== null && Number(score) <= Number(due)) redis.call('ZREM', index, id);
    }
    return 1;
  },
});

/**
 * Brings to the archive what is over. A session that has expired stays in Redis until that has been done, or `archiveWithinMs`
 * is over. Each step can be the last of this process, or be done by two at once: what the archive has not said it has stays
 * in the index, and is looked at again.
 */
export async function sweepSessions(
  { kv, names }: SessionBase,
  { closing, forgetting }: SessionEnding,
  archive: SessionArchive,
  limit: number,
): Promise<SessionSweep> {
  const index = await names.due();
  const now = kv.clock.now();

  const looked = await unlessAway(async () => {
    const members = accepted(await kv.command(['ZRANGEBYSCORE', index, '-inf', now, 'LIMIT', 0, limit]));
    const ids = Array.isArray(members) ? members.map(String) : [];
    const addresses = ids.map(readAddress).filter((address) => address !== undefined);
    const calls = await Promise.all(addresses.map((address) => closing(address)));
    const results = calls.length === 0 ? [] : await runScriptsWith(kv, calls, []);
    return { ids, found: new Map(addresses.map((address, place) => [publicId(address), closedOf(results[place])])) };
  });
  if ('status' in looked) return looked;
  const { ids, found } = looked;
  const outcomes = ids.map((id) => ({ id, closed: found.get(id) ?? UNREADABLE }));

  const rows: ArchivedSession[] = [];
  for (const { id, closed } of outcomes) {
    const row = closed.text === undefined ? undefined : archivedFrom(id, closed.text);
    if (row) rows.push(row);
    else if (closed.text !== undefined || closed.was === 'unreadable') tellUnreadable(kv, 'a session for the archive');
  }
  if (rows.length > 0) await archive.put(rows);

  const settled = await unlessAway(async () => {
    const forgets = await Promise.all(rows.map(({ id }) => forgetting(addressOf(id))));
    const done = outcomes.filter(({ closed }) => closed.was !== 'active').map(({ id }) => id);
    const settle = { script: settleScript, keys: [index], args: [now, ...done] };
    const later = outcomes
      .filter(({ closed }) => closed.was === 'active')
      .map(({ id, closed }): Command => ['ZADD', index, 'XX', now + closed.leftMs, id]);
    if (ids.length > 0) for (const result of await runScriptsWith(kv, [...forgets, settle], later)) accepted(result);
  });
  if (settled) return settled;
  return { status: 'swept', archived: rows.length, more: ids.length === limit };
}
