import { readJson } from '../../client/json.ts';
import { createLru } from '../../client/lru.ts';
import { runScript } from '../../client/script.ts';
import type { Command } from '../../store/store.ts';
import { touchScript } from './move-scripts.ts';
import { readMember } from './save-script.ts';
import { accepted, MAX_HOPS, type SessionBase, sessionFrom, tellUnreadable, unlessUnread } from './session-base.ts';
import type { SessionEnding } from './session-ending.ts';
import { type Address, publicId } from './session-names.ts';
import type { Session, SessionCount, SessionList, SessionRead } from './session-options.ts';
import { readOwner } from './session-payload.ts';
import { judge, type Live, type State, told } from './session-state.ts';

export interface SessionReading<T> {
  read(address: Address): Promise<SessionRead<T>>;
  list(group: string): Promise<SessionList<T>>;
  count(group: string): Promise<SessionCount>;
}

/** An old id that leads to a session: where it stands, and its text. */
interface Pointer {
  readonly key: string;
  readonly text: unknown;
}

const NONE = { status: 'none' } as const;
const LISTED_AT_ONCE = 200;
const MAX_TOUCHED = 10_000;

export function createSessionReading<T>(base: SessionBase, { pending, catchUp }: SessionEnding): SessionReading<T> {
  const { kv, names, settings, background } = base;
  /** Of sessions that were touched here, when: near its absolute end a session has little left whatever is done. */
  const touchedAt = createLru<number>(MAX_TOUCHED);

  const sessionOf = (address: Address, found: Live): Session<T> | undefined => {
    const data = readJson(found.data);
    if (data !== undefined && readOwner(found.owner)) return sessionFrom(address, told('', found), data as T);
    tellUnreadable(kv, 'the data of a session');
    return undefined;
  };

  const touchWhereDue = (address: Address, { left, idle }: Live): void => {
    if (!settings.touchOnRead || left >= idle / 2) return;
    const id = publicId(address);
    const now = kv.clock.monotonic();
    if (now - (touchedAt.get(id) ?? Number.NEGATIVE_INFINITY) < idle / 4) return;
    touchedAt.set(id, now);
    background.run(async () => {
      const keys = await names.keysOf(address);
      const args = [address.hash, ''];
      await runScript(kv, { script: touchScript, keys: [keys.session, keys.group, keys.index], args });
    });
  };

  /** `from`: what has led there, and is to do so still. */
  const ask = async (address: Address, hops = MAX_HOPS, from?: Pointer): Promise<SessionRead<T>> => {
    const { session, group } = await names.keysOf(address);
    // Others write in between. What follows a session lives longer than that had left: first the time, then the text.
    const results = await kv.execute([
      ['PTTL', session],
      ['MGET', session, group],
      ...(from ? [['PTTL', from.key] as const] : []),
    ]);
    if (from && !leadsOn(judge(from.text, null, Number(accepted(results[2]))))) return NONE;
    const texts = accepted(results[1]);
    const [text, groupText] = Array.isArray(texts) ? texts : [];
    const found = judge(text, groupText, Number(accepted(results[0])));
    if (leadsOn(found) && hops > 0) return ask({ ...address, hash: found.hash }, hops - 1, { key: session, text });
    if (found.is === 'unreadable') tellUnreadable(kv, 'a session');
    // It may have been ended here while it was read.
    if (found.is !== 'active' || pending.has(address)) return NONE;
    const active = sessionOf(address, found);
    if (!active) return NONE;
    touchWhereDue(address, found);
    return { status: 'active', session: active };
  };

  const listed = async (group: string, hashes: readonly string[]): Promise<readonly Session<T>[]> => {
    const keys = await Promise.all(hashes.map((hash) => names.keysOf({ group, hash })));
    const [first] = keys;
    if (!first) return [];
    const results = await kv.execute([
      ...keys.map(({ session }): Command => ['PTTL', session]),
      ['MGET', first.group, ...keys.map(({ session }) => session)],
    ]);
    const texts = accepted(results[keys.length]);
    const [groupText, ...sessions] = Array.isArray(texts) ? texts : [];
    return hashes.flatMap((hash, place) => {
      const found = judge(sessions[place], groupText, Number(accepted(results[place])));
      const address = { group, hash };
      const session = found.is === 'active' && !pending.has(address) ? sessionOf(address, found) : undefined;
      return session ? [session] : [];
    });
  };

  return {
    async read(address) {
      if (pending.has(address)) {
        catchUp();
        return NONE;
      }
      const answer = await unlessUnread(() => ask(address));
      catchUp();
      return answer;
    },
    async count(group) {
      const counted = await unlessUnread(async () => {
        const { index } = await names.groupKeys(group);
        const count = Number(await kv.command(['ZCOUNT', index, `(${kv.clock.now()}`, '+inf']));
        return { status: 'counted', count } as const;
      });
      catchUp();
      return counted;
    },
    list: (group) =>
      unlessUnread(async () => {
        const { index } = await names.groupKeys(group);
        const members = accepted(await kv.command(['ZRANGE', index, 0, -1]));
        const known = (Array.isArray(members) ? members : []).map((member) => readMember(String(member)));
        const hashes = known.sort((a, b) => a.issued - b.issued).map(({ hash }) => hash);
        const sessions: Session<T>[] = [];
        for (let from = 0; from < hashes.length; from += LISTED_AT_ONCE) {
          sessions.push(...(await listed(group, hashes.slice(from, from + LISTED_AT_ONCE))));
        }
        catchUp();
        return { status: 'listed', sessions };
      }),
  };
}

function leadsOn(found: State): found is State & { readonly is: 'moved' } {
  return found.is === 'moved' && found.leads;
}
