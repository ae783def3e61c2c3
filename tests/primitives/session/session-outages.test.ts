import { expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { StoreError } from '../../../lib/errors.ts';
import { createSessions } from '../../../lib/primitives/session/index.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Reply, Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { type Dice, dice } from '../../support/dice.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { begun, CART, type Cart, dataOf } from '../../support/session-rig.ts';

const LOST = new StoreError('network', 'lost');
/** Longer than a circuit stays open, and all rounds together shorter than a tombstone. */
const ROUND_MS = 15_000;

/** A store of several processes that is away, loses answers, and hears some requests later. */
function faulty(store: Store, luck: Dice) {
  const late: (() => Promise<unknown>)[] = [];
  let isSound = true;
  return {
    store: {
      ...store,
      async execute(commands, options): Promise<readonly Reply[]> {
        const fault = isSound ? 9 : luck.whole(0, 9);
        if (fault < 2) throw AWAY;
        if (fault === 2) late.push(() => store.execute(commands, options));
        else if (fault === 3) await store.execute(commands, options);
        if (fault === 2 || fault === 3) throw LOST;
        return store.execute(commands, options);
      },
    } satisfies Store,
    beFaulty: () => {
      isSound = false;
    },
    hearLate: async () => {
      await late.shift()?.();
    },
    async beSound() {
      isSound = true;
      for (const hear of late.splice(0)) await hear();
    },
  };
}

/** Two processes do what they like with one session and its tokens; which of these are good when Redis has heard all. */
async function survivors(seed: number): Promise<{ readonly wasEnded: boolean; readonly on: readonly string[] }> {
  const luck = dice(seed);
  const clock = manualClock();
  const { store, beFaulty, hearLate, beSound } = faulty(memoryStore({ clock }), luck);
  const archive = { put: async () => undefined };
  const open = () => createSessions<Cart>({ kv: createKv({ store, clock }), archive: seed % 2 ? archive : undefined });
  const processes = [open(), open()] as const;
  const known = [await begun(processes[0])];
  let wasEnded = false;

  const act = async (): Promise<void> => {
    const sessions = processes[luck.chance(0.5) ? 0 : 1];
    const { token, session } = known[luck.whole(0, known.length - 1)] ?? (await begun(sessions));
    const what = luck.whole(0, 9);
    if (what < 3) await sessions.save(token, CART);
    else if (what < 6) {
      const rotated = await sessions.rotate(session, { graceMs: luck.pick([0, 30_000]) });
      if (rotated.status === 'rotated') known.push(rotated);
    } else if (what === 6) {
      wasEnded = true;
      await (luck.chance(0.5) ? sessions.destroy(token) : sessions.end(token));
    } else if (what === 7) clock.advance(luck.whole(0, 1_500));
    else if (what === 8) await hearLate();
    else await sessions.read(token);
  };

  beFaulty();
  for (let turn = 0; turn < 25; turn += 1) await Promise.all([act(), act()]);
  await beSound();
  for (let round = 0; round < 8; round += 1) {
    clock.advance(ROUND_MS);
    for (const sessions of processes) {
      await sessions.list('carl');
      await sessions.settled();
    }
  }
  const found = await Promise.all(
    known.map(async ({ token }) => ((await dataOf(processes[0], token)) === 'none' ? [] : [token])),
  );
  return { wasEnded, on: found.flat() };
}

it('a session that anybody has ended is over under all of its tokens, whatever is lost, late or away meanwhile', async () => {
  let ended = 0;
  for (let seed = 1; seed <= 150; seed += 1) {
    const { wasEnded, on } = await survivors(seed);
    if (!wasEnded) continue;
    ended += 1;
    expect({ seed, on }).toEqual({ seed, on: [] });
  }
  expect(ended).toBeGreaterThan(50);
});
