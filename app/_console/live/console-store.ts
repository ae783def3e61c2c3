import type { ConsoleSnapshot } from '../../../api/_console/snapshot.ts';
import { afterHistory, afterLook, type ConsoleState, EMPTY_STATE, withHappening } from '../model/console-state.ts';
import type { Tone } from '../model/happenings.ts';
import type { Connection } from './connection.ts';
import { type Credentials, headersOf } from './credentials.ts';
import { askOnce, type FeedListener, startFeed } from './feed.ts';

export interface LiveState extends ConsoleState {
  readonly connection: Connection;
}

/** What the panels of one page share: each subscribes, and draws what it takes of the state. */
export interface ConsoleStore {
  current(): LiveState;
  subscribe(listener: () => void): () => void;
  /** Begins to read with these credentials, in place of those before, and with nothing known. */
  connect(credentials: Credentials): void;
  close(): void;
  /** Takes a look now: something has happened that the next one, up to a second from now, would show late. */
  refresh(): Promise<void>;
  /** A line of the log that the page itself has to say. */
  say(text: string, tone?: Tone): void;
}

export const FIRST_STATE: LiveState = { ...EMPTY_STATE, connection: { state: 'connecting' } };

export interface ConsoleStoreOptions {
  /** @default startFeed */
  readonly start?: typeof startFeed | undefined;
  /** @default askOnce */
  readonly ask?: typeof askOnce | undefined;
}

export function createConsoleStore({ start = startFeed, ask = askOnce }: ConsoleStoreOptions = {}): ConsoleStore {
  let state = FIRST_STATE;
  let headers: Readonly<Record<string, string>> = {};
  let stop: (() => void) | undefined;
  const listeners = new Set<() => void>();

  const become = (next: LiveState): void => {
    if (next === state) return;
    state = next;
    for (const listener of listeners) listener();
  };

  const change = (known: ConsoleState): void => {
    if (known !== state) become({ ...known, connection: state.connection });
  };

  const say = (text: string, tone: Tone = 'plain'): void =>
    change(withHappening(state, { at: state.look?.at ?? Date.now(), text, tone }));

  const listener: FeedListener = {
    history: (looks: readonly ConsoleSnapshot[]) => change(afterHistory(state, looks)),
    look: (look: ConsoleSnapshot) => change(afterLook(state, look)),
    connection: (connection) => {
      const before = state.connection;
      if (before.state === connection.state && connection.state === 'live' && isSameWay(before, connection)) return;
      become({ ...state, connection });
      if (before.state === 'live' && connection.state === 'lost') say('The page has lost the server.', 'open');
      if (before.state === 'lost' && connection.state === 'live') say('The page has found the server again.', 'good');
    },
  };

  return {
    current: () => state,
    subscribe(heard) {
      listeners.add(heard);
      return () => listeners.delete(heard);
    },
    connect(credentials) {
      stop?.();
      // What others were shown is not for whoever these belong to.
      if (state !== FIRST_STATE) become(FIRST_STATE);
      headers = headersOf(credentials);
      stop = start({ headers, listener });
    },
    close() {
      stop?.();
      stop = undefined;
    },
    async refresh() {
      const asking = stop;
      const look = await ask({ headers });
      if (look !== undefined && stop !== undefined && stop === asking) listener.look(look);
    },
    say,
  };
}

function isSameWay(before: Connection, now: Connection): boolean {
  return before.state === 'live' && now.state === 'live' && before.by === now.by;
}
