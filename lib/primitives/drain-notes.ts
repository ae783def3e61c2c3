import type { KvClient } from '../client/kv-client.ts';
import { runScriptsWith, type ScriptCall } from '../client/script.ts';

/** What Redis is to hear of when it has got to the database. */
export interface Notes {
  /** At once where it has heard of nothing for a while: so a drain that is cut short has not been for nothing. @throws as `tell` */
  add(note: ScriptCall): Promise<void>;
  /** Of all that is left. @throws what the first of them failed of */
  tell(): Promise<void>;
}

const NOTE_MS = 1_000;

export function createNotes(kv: KvClient): Notes {
  let notes: ScriptCall[] = [];
  let toldAt = kv.clock.monotonic();
  const tell = async () => {
    const some = notes;
    notes = [];
    toldAt = kv.clock.monotonic();
    if (some.length === 0) return;
    for (const result of await runScriptsWith(kv, some, [])) if (result instanceof Error) throw result;
  };
  return {
    async add(note) {
      notes.push(note);
      if (kv.clock.monotonic() - toldAt >= NOTE_MS) await tell();
    },
    tell,
  };
}
