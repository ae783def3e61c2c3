import { isObject, readJson } from '../../client/json.ts';
import type { Position } from './position.ts';

/** What is kept under one key: a body, and by what it ends. */
export interface StoredEntry {
  readonly tags: readonly string[];
  /** What was known of revalidations when it was begun. */
  readonly position: Position;
  readonly body: string;
}

const VERSION = 'n1';

/** Three lines: the version, the head as JSON, and the body, which may have more. */
export function writeEntry({ tags, position, body }: StoredEntry): string {
  return `${VERSION}\n${JSON.stringify({ epoch: position.epoch, at: position.at, tags })}\n${body}`;
}

/** `undefined` for what is damaged, or of another version. */
export function readEntry(text: string): StoredEntry | undefined {
  const headAt = VERSION.length + 1;
  if (!text.startsWith(`${VERSION}\n`)) return undefined;
  const bodyAt = text.indexOf('\n', headAt);
  const head = bodyAt === -1 ? undefined : readJson(text.slice(headAt, bodyAt));
  if (!isObject(head)) return undefined;
  const { epoch, at, tags } = head;
  if (typeof epoch !== 'string' || typeof at !== 'number' || !isTextList(tags)) return undefined;
  return { tags, position: { epoch, at }, body: text.slice(bodyAt + 1) };
}

export function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
