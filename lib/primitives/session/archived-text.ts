import { readJson } from '../../client/json.ts';
import type { ArchivedSession } from './session-archive.ts';
import { readOwner } from './session-payload.ts';

export const REASONS: readonly ArchivedSession['reason'][] = ['destroyed', 'expired', 'revoked', 'rotated'];

/** What Redis keeps of a session for the archive; `undefined` for what cannot be read. */
export function archivedFrom(id: string, text: string): ArchivedSession | undefined {
  const [head = '', version, startedAt, endedAt, word, line] =
    /^1 e (\d+) (\d+) (\d+) ([a-z]+)\n([^\n]*)\n/.exec(text) ?? [];
  const owner = readOwner(line);
  const data = readJson(text.slice(head.length));
  const reason = REASONS.find((known) => known === word);
  if (reason === undefined || !owner || data === undefined) return undefined;
  return {
    id,
    ...owner,
    data,
    startedAt: Number(startedAt),
    endedAt: Number(endedAt),
    reason,
    version: Number(version),
  };
}
