import { readJson } from '../../client/json.ts';
import { runScript, runScriptWith } from '../../client/script.ts';
import type { Command } from '../../store/store.ts';
import type { Unavailable } from '../unavailable.ts';
import { rotateScript, touchScript } from './move-scripts.ts';
import { saveScript } from './save-script.ts';
import { accepted, MAX_HOPS, type SessionBase, sessionFrom, unlessAway, wordsOf } from './session-base.ts';
import type { SessionEnding } from './session-ending.ts';
import { type Address, publicId } from './session-names.ts';
import type { Session, SessionSave } from './session-options.ts';
import { dataText, ownerText } from './session-payload.ts';
import { leftOf } from './session-state.ts';

export interface Saving {
  /** @default the session's own; of one that begins the sessions' */
  readonly idleMs?: number | undefined;
  readonly ifVersion?: number | undefined;
  /** Whether one that is not there begins. @default false */
  readonly mayBegin?: boolean | undefined;
  /** Whose one that begins is. */
  readonly userId?: string | undefined;
}

export interface Rotation<T> {
  readonly from: Address;
  readonly to: Address;
  /** `undefined` for what there is. */
  readonly data: T | undefined;
  readonly graceMs: number;
  /** How long it has left, as far as is known. */
  readonly leftMs: number;
}

export interface SessionWriting<T> {
  save(address: Address, data: T, saving?: Saving): Promise<SessionSave<T>>;
  /** The session under its new id; `undefined` where there is none that could be moved. */
  rotate(rotation: Rotation<T>): Promise<{ readonly session: Session<T> | undefined } | Unavailable>;
  /** Whether it is on. */
  touch(address: Address, idleMs: number): Promise<{ readonly isOn: boolean } | Unavailable>;
}

export function createSessionWriting<T>(base: SessionBase, { pending, catchUp }: SessionEnding): SessionWriting<T> {
  const { kv, names, settings } = base;

  /**
   * By when a sweep is to look at a session. On a Cluster the index is elsewhere, and so not written in one step with the
   * session; but one that could not be written there is not answered as begun.
   */
  const dueIn = async (address: Address, leftMs: number): Promise<readonly Command[]> =>
    settings.keepMs === 0 ? [] : [['ZADD', await names.due(), kv.clock.now() + leftMs, publicId(address)]];

  const save = async (
    address: Address,
    data: T,
    { idleMs, ifVersion, mayBegin = false, userId }: Saving,
    hops = MAX_HOPS,
  ): Promise<SessionSave<T>> => {
    const keys = await names.keysOf(address);
    const idle = mayBegin ? (idleMs ?? settings.idleMs) : (idleMs ?? '');
    const { absoluteMs, keepMs, maxPerUser, tombstoneMs } = settings;
    const begin = [mayBegin ? 1 : 0, ownerText(userId), absoluteMs, keepMs, maxPerUser, tombstoneMs];
    const text = dataText(data, settings.maxBytes);
    const args = [address.hash, text, idle, ifVersion ?? '', ...begin];
    const call = { script: saveScript, keys: [keys.session, keys.group, keys.index], args };
    const leftMs = leftOf(idleMs ?? settings.idleMs, absoluteMs, 0);
    const due = mayBegin ? await dueIn(address, leftMs) : [];
    const [result, ...others] = await runScriptWith(kv, call, due);
    const words = wordsOf(result);
    for (const other of others) accepted(other);
    const [status, hash] = words;
    if (status === 'saved') return { status, session: sessionFrom(address, words, data) };
    if (status === 'conflict') return { status };
    if (status !== 'moved' || hash === undefined || hops === 0) return { status: 'ended' };
    const next = { ...address, hash };
    return pending.has(next) ? { status: 'ended' } : save(next, data, { idleMs, ifVersion }, hops - 1);
  };

  return {
    async save(address, data, saving = {}) {
      if (pending.has(address)) {
        catchUp();
        return { status: 'ended' };
      }
      const answer = await unlessAway(() => save(address, data, saving));
      catchUp();
      return answer;
    },
    async rotate({ from, to, data, graceMs, leftMs }) {
      if (pending.has(from)) return { session: undefined };
      const answer = await unlessAway(async () => {
        const { session, group, index } = await names.keysOf(from);
        const next = await names.keysOf(to);
        const text = data === undefined ? '' : dataText(data, settings.maxBytes);
        const args = [from.hash, to.hash, text, graceMs, settings.tombstoneMs];
        const call = { script: rotateScript, keys: [session, group, index, next.session], args };
        const [result, ...others] = await runScriptWith(kv, call, await dueIn(to, leftMs));
        const words = wordsOf(result);
        for (const other of others) accepted(other);
        return { session: words[0] === 'saved' ? sessionFrom(to, words, readJson(words[6]) as T) : undefined };
      });
      catchUp();
      return answer;
    },
    async touch(address, idleMs) {
      if (pending.has(address)) return { isOn: false };
      const answer = await unlessAway(async () => {
        const { session, group, index } = await names.keysOf(address);
        const call = { script: touchScript, keys: [session, group, index], args: [address.hash, idleMs] };
        return { isOn: (await runScript(kv, call)) === 1 };
      });
      catchUp();
      return answer;
    },
  };
}
