import { describe, expect, it } from 'vitest';
import { StoreError } from '../../lib/errors.ts';
import type { Command, Reply, Store } from '../../lib/store/store.ts';
import { keyWorld } from '../support/key-world.ts';

const REFUSALS = ['OOM', 'READONLY', 'MISCONF', 'NOREPLICAS', 'NOPERM'];

/** A key that was used four times here, of which Redis has not been told, and what becomes of what it is sent. */
async function withArrears(failing: (commands: readonly Command[], to: Store) => Promise<readonly Reply[]>) {
  const world = keyWorld('kv');
  let fails = false;
  const { keys, kv, check } = world.startOn({
    ...world.redis,
    execute: (commands, options) => (fails ? failing(commands, world.redis) : world.redis.execute(commands, options)),
  });
  const { key, record } = await keys.create({ owner: 'a', limits: { key: { limit: 100, windowMs: 60_000 } } });
  await check(key);
  world.takeAway('redis');
  for (let turn = 0; turn < 4; turn += 1) await check(key);
  world.giveBack();
  await keys.validate(world.unknown());
  return {
    keys,
    kv,
    failOnly: async (use: () => Promise<unknown>) => {
      fails = true;
      await use();
      fails = false;
      kv.circuit.reset();
    },
    check: () => check(key),
    used: async () => (await keys.usage(record.id, { days: 1 }))?.[0]?.count,
  };
}

describe('uses that Redis was not told of', () => {
  it.each(REFUSALS)('are told later where it refuses to count them, with %s', async (code) => {
    const refused: Reply = { error: `${code} no` };
    const { keys, check, failOnly, used } = await withArrears(async (commands) =>
      commands.map(([name]) => (name === 'GET' ? null : refused)),
    );
    await failOnly(() => keys.flush());
    expect(await used()).toBe(1);
    await check();
    await failOnly(check);
    await keys.flush();
    expect(await used()).toBe(7);
  });

  it('are told once where the script that they go along with is unknown, and then Redis is lost', async () => {
    const { keys, check, failOnly, used } = await withArrears(async (commands, redis) => {
      if (commands[0]?.[0] === 'EVAL') throw new StoreError('network', 'refused', { mayHaveRun: false });
      const replies = await redis.execute(commands.slice(1));
      return [{ error: 'NOSCRIPT No matching script. Please use EVAL.' }, ...replies];
    });
    // Goes well, and takes nothing along yet: nobody knows whether Redis is back.
    await check();
    await failOnly(check);
    await keys.flush();
    expect(await used()).toBe(7);
  });
});
