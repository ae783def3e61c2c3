import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { createSessions, type SessionsOptions } from '../../../lib/primitives/session/index.ts';
import type { Store } from '../../../lib/store/store.ts';
import { begun, CART, type Cart, dataOf, sessionRig } from '../../support/session-rig.ts';

const HOUR_MS = 3_600_000;

/** Two processes on one Redis: between the commands of a request of the first the second does something. */
function interrupted(options: Partial<SessionsOptions> = {}) {
  const whole = sessionRig(options);
  let interrupt: () => Promise<unknown> = async () => undefined;
  const store: Store = {
    ...whole.store,
    async execute(commands, given) {
      const [first, ...others] = commands;
      if (!first || others.length === 0) return whole.store.execute(commands, given);
      const replies = await whole.store.execute([first], given);
      const meanwhile = interrupt;
      interrupt = async () => undefined;
      await meanwhile();
      return [...replies, ...(await whole.store.execute(others, given))];
    },
  };
  const sessions = createSessions<Cart>({ kv: createKv({ store, clock: whole.clock }), ...options });
  const during = async <T>(work: () => Promise<T>, other: () => Promise<unknown>): Promise<T> => {
    interrupt = other;
    return work();
  };
  return { sessions, other: whole.sessions, clock: whole.clock, during };
}

const archive = { put: async () => undefined };

describe('a read in the middle of which something is written', () => {
  it('takes no session for one that is on that has expired, and is swept, ended or begun anew meanwhile', async () => {
    const { sessions, other, clock, during } = interrupted({ archive, idleMs: HOUR_MS, archiveWithinMs: HOUR_MS });
    const meanwhile = [() => other.sweep(), () => other.destroy(last.token)];
    let last = await begun(other);
    for (const work of meanwhile) {
      last = await begun(other);
      clock.advance(HOUR_MS);
      expect(await during(() => dataOf(sessions, last.token), work)).toBe('none');
      last = await begun(other);
      clock.advance(HOUR_MS);
      const listed = await during(() => sessions.list('ada'), work);
      expect(listed).toEqual({ status: 'listed', sessions: [] });
    }
    const plain = interrupted({ idleMs: HOUR_MS });
    await plain.other.put('id', CART);
    plain.clock.advance(HOUR_MS);
    const anew = () => plain.other.put('id', { items: ['anew'] });
    expect(await plain.during(() => plain.sessions.get('id'), anew)).toEqual({ status: 'none' });
  });

  it('does not follow an old token without grace to what was rotated meanwhile', async () => {
    for (const [graceMs, found] of [
      [0, 'none'],
      [30_000, CART],
    ] as const) {
      const { sessions, other, during } = interrupted();
      const { token, session } = await begun(other);
      expect(
        await during(
          () => dataOf(sessions, token),
          () => other.rotate(session, { graceMs }),
        ),
      ).toEqual(found);
    }
  });
});
