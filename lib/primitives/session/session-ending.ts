import { runScript, runScriptsWith, type ScriptCall } from '../../client/script.ts';
import { archivedFrom } from './archived-text.ts';
import { closeScript, forgetScript, revokeScript } from './end-scripts.ts';
import { createPendingEnds, type PendingEnds } from './pending-ends.ts';
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

  const closing = async (address: Address, reason: Reason | '' = '', always = false): Promise<ScriptCall> => {
    const { session, group, index } = await names.keysOf(address);
    const args = [address.hash, reason, settings.tombstoneMs, settings.keepMs, always ? 1 : 0];
    return { script: closeScript, keys: [session, group, index], args };
  };

  const close = async (
    address: Address,
    { reason = 'destroyed', always = false }: EndOptions,
  ): Promise<Closed & { readonly at: Address }> => {
    const words = wordsOf(await runScript(kv, await closing(address, reason, always)));
    const [was, hash] = words;
    // The old id of a rotation with grace: whoever logs out with it means the session.
    return was === 'moved' && hash !== undefined
      ? close({ ...address, hash }, { reason, always })
      : { ...closedFrom(words), at: address };
  };

  const tell = async (addresses: readonly Address[]): Promise<void> => {
    const calls = await Promise.all(addresses.map((address) => closing(address, 'destroyed', true)));
    const results = await runScriptsWith(kv, calls, []);
    addresses.forEach((address, place) => {
      const [was, hash] = wordsOf(results[place]);
      if (was === 'moved' && hash !== undefined) pending.add({ ...address, hash });
    });
  };

  const pending = createPendingEnds(kv, tell);

  /** What is away now is ended here at once. */
  const closeOrKeep = async (address: Address, options: EndOptions) => {
    const closed = await unlessAway(() => close(address, options));
    if ('status' in closed) pending.add(address);
    else if (closed.was === 'unreadable') tellUnreadable(kv, 'a session');
    return closed;
  };

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
      const closed = await closeOrKeep(address, options);
      catchUp();
      if ('status' in closed) return closed;
      return closed.was === 'live' ? { status: 'ended', archived: false } : { status: 'none' };
    },
    async end(address) {
      const closed = await closeOrKeep(address, {});
      catchUp();
      if ('status' in closed) return closed;
      const archived = closed.text !== undefined && (await archiveNow(closed.at, closed.text));
      return closed.was === 'live' || archived ? { status: 'ended', archived } : { status: 'none' };
    },
    revoke: (group) =>
      unlessAway(async () => {
        const keys = await names.groupKeys(group);
        await runScript(kv, { script: revokeScript, keys: [keys.group, keys.index], args: [] });
        return { status: 'revoked' };
      }),
  };
}

/** What the script has answered of one session. */
export function closedFrom([was, detail]: readonly string[]): Closed {
  if (was === 'active') return { was, text: undefined, leftMs: Number(detail) };
  const known = was === 'live' || was === 'over' || was === 'unreadable' ? was : 'none';
  return { was: known, text: detail, leftMs: 0 };
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
