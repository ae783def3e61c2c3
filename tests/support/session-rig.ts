import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import {
  createSessions,
  type Session,
  type Sessions,
  type SessionsOptions,
  type SessionTarget,
} from '../../lib/primitives/session/index.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { watchedStore } from './watched-store.ts';

export interface Cart {
  readonly items: readonly string[];
}

export const CART: Cart = { items: ['a'] };

export interface Begun {
  readonly token: string;
  readonly session: Session<Cart>;
}

/** A session of a user. */
export async function begun(sessions: Sessions<Cart>, userId = 'ada', data = CART): Promise<Begun> {
  return started(await sessions.create(userId, data));
}

/** A session of nobody. */
export async function anonymous(sessions: Sessions<Cart>): Promise<Begun> {
  return started(await sessions.create(undefined, CART));
}

/** What was begun, or rotated. */
export function started(answer: { readonly status: string } | (Begun & { readonly status: string })): Begun {
  if ('token' in answer) return answer;
  throw new Error(`there is no session: ${answer.status}`);
}

/** The data of a session that is on, or why there is none. */
export async function dataOf(sessions: Sessions<Cart>, target: SessionTarget): Promise<Cart | string> {
  const read = await sessions.read(target);
  return read.status === 'active' ? read.session.data : read.status;
}

/** Sessions in memory, over a store that is watched and a clock that is moved by hand. */
export function sessionRig(options: Partial<SessionsOptions> = {}, around: (store: Store) => Store = (store) => store) {
  const clock = manualClock();
  const events: BreakwaterEvent[] = [];
  const store = watchedStore(around(memoryStore({ clock })));
  const kv: KvClient = createKv({ store, clock, onEvent: (event) => events.push(event) });
  const sessions = createSessions<Cart>({ kv, ...options });
  /** What `work` sends: the names of the commands of each request. */
  const requests = async (work: () => Promise<unknown>): Promise<readonly string[]> => {
    const from = store.requests.length;
    await work();
    await sessions.settled();
    return store.requests.slice(from).map((commands) => commands.map(([name]) => name).join(' '));
  };
  return { clock, events, store, kv, sessions, requests };
}
