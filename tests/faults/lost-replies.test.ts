import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FaultyPaths, PATHS, type Path, startFaultyPaths, T } from '../support/faulty-paths.ts';
import { type Plant, RETRYING_STORE, SOUND, turnsRed } from '../support/planted-defects.ts';

let paths: FaultyPaths;
beforeAll(async () => {
  paths = await startFaultyPaths();
});
afterAll(() => paths?.close());
afterEach(() => paths.mend());

async function lostReply(path: Path, plant: Plant): Promise<void> {
  const { kv, set, warmUp, ask } = paths.over(path, plant);
  await warmUp();
  await set('drop-replies');
  expect(await ask(() => kv.incr('n', 60))).toBe('DEADLINE true');
  await set('pass');
  await delay(2 * T);
  expect(await paths.direct(path, 'GET', 'n')).toBe('1');
  // Not later either: a write that has been reported as failed is not written when Redis is back.
  await set('refuse');
  expect(await ask(() => kv.incr('n', 60))).toMatch(/^(network|DEADLINE) /);
  await set('pass');
  await delay(2 * T);
  expect(await paths.direct(path, 'GET', 'n')).toBe('1');
}

/** As `lostReply`, but the connection breaks between the command and its reply. */
async function brokenOff(path: Path): Promise<void> {
  const { kv, set, warmUp, ask } = paths.over(path, SOUND);
  await warmUp();
  await set({ cutAfter: 1 });
  expect(await ask(() => kv.incr('n', 60))).toBe('network true');
  await set('pass');
  expect(await paths.direct(path, 'GET', 'n')).toBe('1');
  expect(await ask(() => kv.incr('n', 60))).toBe('ok');
  expect(await paths.direct(path, 'GET', 'n')).toBe('2');
}

/** A transaction and a script are not sent again either, and what was lost with them is all or nothing. */
async function lostTogether(path: Path): Promise<void> {
  const { kv, set, warmUp, ask } = paths.over(path, SOUND);
  for (const call of [
    () =>
      kv.execute(
        [
          ['INCR', '{n}a'],
          ['INCR', '{n}b'],
        ],
        { atomic: true },
      ),
    () => kv.command(['EVAL', "redis.call('INCR', KEYS[1]) redis.call('INCR', KEYS[2])", 2, '{n}a', '{n}b']),
  ]) {
    await warmUp();
    await set({ cutAfter: 1 });
    expect(await ask(call)).toBe('network true');
    await set('pass');
  }
  expect(await paths.direct(path, 'MGET', '{n}a', '{n}b')).toEqual(['2', '2']);
}

describe.each(PATHS)('a reply that is lost, over %s', (path) => {
  it('fault 15 reply to INCR lost: not replayed, and not written later', async () => {
    await lostReply(path, SOUND);
  });

  it('fault 15 reply to INCR broken off: not replayed', async () => {
    await brokenOff(path);
  });

  it('fault 15 reply to a transaction and to a script broken off: not replayed', async () => {
    await lostTogether(path);
  });

  it('fault 15 turns red with a client that sends again', async () => {
    await turnsRed(() => lostReply(path, RETRYING_STORE));
  });
});
