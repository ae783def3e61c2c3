import { describe, expect, it } from 'vitest';
import { shouldTrackEvent } from '../lib/dedup.ts';
import { getDefaults } from '../lib/default-client.ts';
import { createDedup } from '../lib/primitives/dedup/dedup.ts';
import { useDefaultEnvironment } from './support/default-environment.ts';

useDefaultEnvironment();

describe('shouldTrackEvent', () => {
  it('is true for the first event of a key and false for its duplicates', async () => {
    expect([await shouldTrackEvent('a'), await shouldTrackEvent('a'), await shouldTrackEvent('b')]).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('remembers an event for 300 seconds, or as long as it is told', async () => {
    await shouldTrackEvent('a');
    await shouldTrackEvent('b', 2);
    const left = async (key: string) => Number(await getDefaults().kv.command(['PTTL', `dedup:{event:events:${key}}`]));
    expect(await left('a')).toBeGreaterThan(290_000);
    expect(await left('a')).toBeLessThanOrEqual(300_000);
    expect(await left('b')).toBeLessThanOrEqual(2_000);
  });

  it('shares its events with a dedup of the name `events`', async () => {
    await shouldTrackEvent('a');
    const dedup = createDedup({ kv: getDefaults().kv, name: 'events' });
    expect(await dedup.seen('a', { ttlMs: 1_000 })).toEqual({ status: 'duplicate', approximate: false });
  });

  it('is true while Redis is away, unless this process has seen it', async () => {
    await shouldTrackEvent('before');
    getDefaults().kv.circuit.force('FORCED_OPEN');
    const answers = [];
    for (const key of ['before', 'a', 'a', 'b']) answers.push(await shouldTrackEvent(key));
    expect(answers).toEqual([false, true, false, true]);
  });

  it.each([0, 0.5, -1, 31_536_001])('refuses %s seconds', async (seconds) => {
    await expect(shouldTrackEvent('a', seconds)).rejects.toMatchObject({ code: 'CONFIG', setting: 'ttlSeconds' });
  });
});
