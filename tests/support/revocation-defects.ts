import { createHash } from 'node:crypto';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Command, Store } from '../../lib/store/store.ts';

/** What can be wrong around a process that knows keys, so that a revocation comes later than is promised. */
export type RevocationDefect =
  /** What a source said before a revocation is put over its tombstone. */
  | 'fills-over-tombstones'
  /** A revocation leaves what is cached as it is. */
  | 'no-tombstones'
  /** What is cached stays for three times as long. */
  | 'lasting-entries'
  /** Time goes at half its speed, so that answers keep fresh for twice as long. */
  | 'slow-clock'
  /** The process that revokes does so through another object than the one that it validates with. */
  | 'revokes-elsewhere';

/** Scripts that are not what they should be, by plain replacement in their text. */
const SCRIPTS: Readonly<Partial<Record<RevocationDefect, (lua: string) => string>>> = {
  'fills-over-tombstones': (lua) => lua.replaceAll("'NX', ", ''),
  'no-tombstones': (lua) =>
    lua
      .replace(
        'local value, ttl = ARGV',
        "local entry = string.find(KEYS[i], 'auth:', 1, true)\n  local value, ttl = ARGV",
      )
      .replace("if ttl == ''", `if entry and string.find(value, '"revoked"', 1, true) then\n  elseif ttl == ''`)
      .replace('if not final and', `if not string.find(text, '"revoked"', 1, true) and not final and`),
  'lasting-entries': (lua) => lua.replaceAll("string.format('%.0f', left_ms)", "string.format('%.0f', 3 * left_ms)"),
};

export function withDefectiveScripts(store: Store, defect: RevocationDefect | undefined): Store {
  const rewrite = defect && SCRIPTS[defect];
  return rewrite ? rewritingScripts(store, rewrite) : store;
}

export function defectiveClock(defect: RevocationDefect | undefined): Clock {
  if (defect !== 'slow-clock') return systemClock;
  const [wall, monotonic] = [systemClock.now(), systemClock.monotonic()];
  return {
    ...systemClock,
    now: () => wall + (systemClock.now() - wall) / 2,
    monotonic: () => monotonic + (systemClock.monotonic() - monotonic) / 2,
  };
}

/** Under the sums of the scripts that were asked for, other ones run. */
export function rewritingScripts(store: Store, rewrite: (lua: string) => string): Store {
  const texts = new Map<string, string>();
  const rewritten = (command: Command): Command => {
    const [name, script, ...rest] = command;
    if (name === 'EVAL') {
      const text = rewrite(String(script));
      texts.set(createHash('sha1').update(String(script)).digest('hex'), text);
      return ['EVAL', text, ...rest];
    }
    if (name !== 'EVALSHA') return command;
    const known = texts.get(String(script));
    // A sum that no script has: Redis asks for the text.
    return known === undefined ? ['EVALSHA', '0'.repeat(40), ...rest] : ['EVAL', known, ...rest];
  };
  return {
    kind: store.kind,
    execute: (commands, options) => store.execute(commands.map(rewritten), options),
    close: () => store.close(),
  };
}
