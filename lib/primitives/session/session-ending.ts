import type { Result } from '../../client/call.ts';
import { runScript, runScriptsWith, type ScriptCall } from '../../client/script.ts';
import { elapsedSince } from '../../clock.ts';
import { isKvError } from '../../errors.ts';
import type { Unavailable } from '../unavailable.ts';
import { archivedFrom } from './archived-text.ts';
import { closeScript, forgetScript, revokeScript } from './end-scripts.ts';
import { createPendingEnds, type PendingEnd, type PendingEnds } from './pending-ends.ts';
import type { ArchivedSession, SessionArchive } from './session-archive.ts';
import { type SessionBase, tellUnreadable, unlessAway, wordsOf } from './session-base.ts';
import { type Address, publicId } from './session-names.ts';
import type { SessionEnd, SessionRevocation } from './session-options.ts';

/** Why somebody ends a session. */
type Reason = 'destroyed' | 'rotated';

/** What closing a session has found. */
export interface Closed {
  readonly was: 'live' | 'over' | 'none' | 'unreadable' | 'active';
  /** What is to go to the archive. */
  readonly text: string | undefined;
  /** How long it goes on, where it does. */
  readonly leftMs: number;
}

export interface EndOptions {
  readonly reason?: Reason | undefined;
  /** Whether the id may not begin anew either: one of somebody else's making. @default false */
  readonly always?: boolean | undefined;
  /** Whether it is over for this process, and Redis told of it later, where that is away. @default true */
  readonly toldLater?: boolean | undefined;
}

interface Closing {
  /** @default only if it is over already */
  readonly reason?: Reason | undefined;
  readonly always?: boolean | undefined;
  /** How long ago it was to end, where what has begun since is to go on. */
  readonly agoMs?: number | undefined;
}

export interface SessionEnding {
  readonly pending: PendingEnds;
  /** Ends a session, and what it goes on under. */
  destroy(address: Address, options?: EndOptions): Promise<SessionEnd>;
  end(address: Address): Promise<SessionEnd>;
  revoke(group: string): Promise<SessionRevocation>;
  /** The script that ends a session where it is over, and says what it found. */
  closing(address: Address): Promise<ScriptCall>;
  /** The script that has Redis forget what the archive has. */
  forgetting(address: Address): Promise<ScriptCall>;
  /** Replays what Redis has not heard, behind whatever else is asked. */
  catchUp(): void;
}

export function createSessionEnding(base: SessionBase, archive: SessionArchive | undefined): SessionEnding {
  const { kv, names, settings, background } = base;

  const closing = async (address: Address, { reason, always = false, agoMs }: Closing = {}): Promise<ScriptCall> => {
    const { session, group, index } = await names.keysOf(address);
    const wanted = [reason ?? '', settings.tombstoneMs, settings.keepMs, always ? 1 : 0, agoMs ?? ''];
    return { script: closeScript, keys: [session, group, index], args: [address.hash, ...wanted] };
  };

  /** Ends a session; what is away now is ended here at once. `passed`: hashes that have led to it. */
  const close = async (
    address: Address,
    options: EndOptions,
    passed: readonly string[] = [],
  ): Promise<(Closed & { readonly at: Address }) | Unavailable> => {
    const { reason = 'destroyed', always = false, toldLater = true } = options;
    const answer = await unlessAway(async () => ({
      words: wordsOf(await runScript(kv, await closing(address, { reason, always }))),
    }));
    if ('status' in answer) {
      if (toldLater) pending.add(address, always);
      return passed.length === 0 ? answer : { ...answer, mayHaveRun: true };
    }
    const [was, hash] = answer.words;
    // The old id of a rotation: whoever logs out with it means the session. What is damaged may lead in a circle.
    if (was === 'moved' && hash !== undefined && hash !== address.hash && !passed.includes(hash)) {
      return close({ ...address, hash }, options, [...passed, address.hash]);
    }
    const closed = closedFrom(answer.words);
    if (closed.was === 'unreadable') tellUnreadable(kv, 'a session');
    return { ...closed, at: address };
  };

  const tell = async (ends: readonly PendingEnd[]): Promise<void> => {
    const calls = await Promise.all(
      ends.map(({ address, asked, mayBeginAnew }) => {
        const agoMs = mayBeginAnew ? Math.ceil(elapsedSince(asked, kv.clock)) : undefined;
        return closing(address, { reason: 'destroyed', always: true, agoMs });
      }),
    );
    const results = await runScriptsWith(kv, calls, []);
    for (const [place, { address }] of ends.entries()) {
      const result = results[place];
      if (isOfAnotherType(result)) {
        tellUnreadable(kv, 'a session');
        continue;
      }
      const [was, hash] = wordsOf(result);
      if (was === 'moved' && hash !== undefined) await close({ ...address, hash }, { always: true }, [address.hash]);
    }
  };

  const pending = createPendingEnds(kv, tell);

  const forgetting = async (address: Address): Promise<ScriptCall> => {
    const { session } = await names.keysOf(address);
    return { script: forgetScript, keys: [session], args: [settings.tombstoneMs] };
  };

  /** Whether the archive has it now. Where it has not, the session waits in Redis for the next sweep. */
  const archiveNow = async (address: Address, text: string): Promise<boolean> => {
    const row = archivedFrom(publicId(address), text);
    if (!row) tellUnreadable(kv, 'a session for the archive');
    if (!row || !(await hasTaken(archive, row))) return false;
    const call = await forgetting(address);
    // Not heard, the sweep sends it to the archive once more, which changes nothing there.
    await unlessAway(() => runScript(kv, call));
    return true;
  };

  const catchUp = (): void => {
    const replay = pending.replay();
    if (replay) background.run(() => replay);
  };

  return {
    pending,
    closing,
    forgetting,
    catchUp,
    async destroy(address, options = {}) {
      const closed = await close(address, options);
      catchUp();
      if ('status' in closed) return closed;
      return closed.was === 'live' ? { status: 'ended', archived: false } : { status: 'none' };
    },
    async end(address) {
      const closed = await close(address, {});
      catchUp();
      if ('status' in closed) return closed;
      const archived = closed.text !== undefined && (await archiveNow(closed.at, closed.text));
      return closed.was === 'live' || archived ? { status: 'ended', archived } : { status: 'none' };
    },
    async revoke(group) {
      const revoked = await unlessAway(async () => {
        const keys = await names.groupKeys(group);
        await runScript(kv, { script: revokeScript, keys: [keys.group, keys.index], args: [] });
        return { status: 'revoked' } as const;
      });
      catchUp();
      return revoked;
    },
  };
}

/** What cannot be read lets nobody in, and does not come to the archive. */
export const UNREADABLE: Closed = { was: 'unreadable', text: undefined, leftMs: 0 };

/** What the script has answered of one of several sessions. @throws what stands in the place of an answer */
export function closedOf(result: Result | undefined): Closed {
  return isOfAnotherType(result) ? UNREADABLE : closedFrom(wordsOf(result));
}

function closedFrom([was, detail]: readonly string[]): Closed {
  if (was === 'active') return { was, text: undefined, leftMs: Number(detail) };
  const known = was === 'live' || was === 'over' || was === 'unreadable' ? was : 'none';
  return { was: known, text: detail, leftMs: 0 };
}

/** Nobody is let in by that, and Redis will say the same of it again. */
function isOfAnotherType(result: Result | undefined): boolean {
  return isKvError(result) && result.code === 'COMMAND' && result.replyCode === 'WRONGTYPE';
}

async function hasTaken(archive: SessionArchive | undefined, row: ArchivedSession): Promise<boolean> {
  try {
    await archive?.put([row]);
    return archive !== undefined;
  } catch {
    // It stays in Redis, and the sweep rejects with what is wrong.
    return false;
  }
}
