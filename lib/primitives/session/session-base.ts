import type { Background } from '../../client/background.ts';
import type { Result, Value } from '../../client/call.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { StoreError } from '../../errors.ts';
import { type Unavailable, unavailableBy } from '../unavailable.ts';
import { type Address, publicId, type SessionNames } from './session-names.ts';
import type { Session } from './session-options.ts';
import { readOwner } from './session-payload.ts';
import type { SessionSettings } from './session-settings.ts';

/** What all operations on sessions work with. */
export interface SessionBase {
  readonly kv: KvClient;
  readonly names: SessionNames;
  readonly settings: SessionSettings;
  readonly background: Background;
}

/** Rotations within one grace that an old id leads through. */
export const MAX_HOPS = 3;

/** What `work` answers, or that Redis is away. @throws what else goes wrong */
export async function unlessAway<T>(work: () => Promise<T>): Promise<T | Unavailable> {
  try {
    return await work();
  } catch (error) {
    return unavailableBy(error);
  }
}

/** As {@link unlessAway}, for what changes nothing. */
export async function unlessUnread<T>(work: () => Promise<T>): Promise<T | Unavailable> {
  try {
    return await work();
  } catch (error) {
    return { ...unavailableBy(error), mayHaveRun: false };
  }
}

/** @throws the error that stands in the place of a result */
export function accepted(result: Result | undefined): Value {
  if (result instanceof Error) throw result;
  return result ?? null;
}

/** The words of a script's answer. @throws what stands in its place */
export function wordsOf(result: Result | undefined): readonly string[] {
  const value = accepted(result);
  if (Array.isArray(value)) return value.map(String);
  throw new StoreError('protocol', 'A script of sessions was answered by something else');
}

/** What was told of a session, with its data. */
export function sessionFrom<T>(address: Address, words: readonly string[], data: T): Session<T> {
  const [version = 0, startedAt = 0, endsAt = 0, leftMs = 0] = words.slice(2).map(Number);
  return {
    id: publicId(address),
    userId: readOwner(words[1])?.userId,
    data,
    version,
    startedAt,
    endsAt: endsAt === 0 ? undefined : endsAt,
    leftMs,
  };
}

/** Somebody else has written there, or it is damaged. */
export function tellUnreadable(kv: KvClient, problem: string): void {
  kv.notify({ type: 'unreadable', at: kv.clock.now(), feature: 'sessions', problem });
}
