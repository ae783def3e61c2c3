/** A stamp of a tag, as it was before the value was loaded. The name is the tag's part of its key. */
export type TagStamp = readonly [name: string, stamp: string];

/** What is known of a value beside itself. */
export interface EntryHead {
  /** The codec's mark, and `z` where it is compressed; `n` for "there is no such thing"; `x` for a tombstone. */
  readonly marks: string;
  /** Made at random by each writer: what a later one compares before it writes. */
  readonly id: string;
  /** Unix milliseconds, by the clock of who loaded it. */
  readonly createdAt: number;
  readonly freshUntil: number;
  /** How long it took to load, in milliseconds. */
  readonly costMs: number;
  /** Stamp of the whole cache. */
  readonly generation: string;
  readonly tags: readonly TagStamp[];
}

export interface Entry extends EntryHead {
  /** The value as it is stored; empty for what has none. */
  readonly wire: string;
}

/** What a deletion leaves. */
export function tombstone(id: string, now: number): Entry {
  return { marks: TOMBSTONE, id, createdAt: now, freshUntil: now, costMs: 0, generation: '0', tags: [], wire: '' };
}

/** "There is no such thing." */
export const NEGATIVE = 'n';
/** Left by a deletion: who began to load before it finds it there, and writes nothing. */
export const TOMBSTONE = 'x';

const VERSION = '1';
/** Names in keys have no white space, and no `:`. */
const BETWEEN = ' ';
const NO_TAGS = '-';
export const MAX_TAGS = 32;
/** More than any head can be that was written here. */
export const MAX_HEAD_LENGTH = 65_536;

export function writeEntry(entry: Entry): string {
  const { marks, id, createdAt, freshUntil, costMs, generation, tags, wire } = entry;
  const stamps = tags.length === 0 ? NO_TAGS : tags.map(([name, stamp]) => `${stamp}:${name}`).join(':');
  const [created, fresh, cost] = [createdAt, freshUntil, costMs].map((ms) => Math.max(0, Math.round(ms)));
  return [VERSION, marks, id, created, fresh, cost, generation, stamps, wire].join(BETWEEN);
}

/** `undefined` for what is none of this version. */
export function readEntry(text: string): Entry | undefined {
  const fields: string[] = [];
  let from = 0;
  while (fields.length < 8) {
    const to = text.indexOf(BETWEEN, from);
    if (to < 0 || to > MAX_HEAD_LENGTH) return undefined;
    fields.push(text.slice(from, to));
    from = to + 1;
  }
  const [version, marks = '', id = '', created, fresh, cost, generation = '', stamps = ''] = fields;
  const [createdAt, freshUntil, costMs] = [created, fresh, cost].map(wholeNumber);
  const tags = readTags(stamps);
  if (version !== VERSION || !/^[a-z]{1,2}$/.test(marks) || !isStamp(id) || !isStamp(generation)) return undefined;
  if (createdAt === undefined || freshUntil === undefined || costMs === undefined || !tags) return undefined;
  return { marks, id, createdAt, freshUntil, costMs, generation, tags, wire: text.slice(from) };
}

function readTags(text: string): readonly TagStamp[] | undefined {
  if (text === NO_TAGS) return [];
  const parts = text.split(':');
  if (parts.length % 2 !== 0 || parts.length > 2 * MAX_TAGS) return undefined;
  const tags: TagStamp[] = [];
  for (let index = 0; index < parts.length; index += 2) {
    const [stamp = '', name = ''] = parts.slice(index, index + 2);
    if (!isStamp(stamp) || name === '') return undefined;
    tags.push([name, stamp]);
  }
  return tags;
}

function isStamp(text: string): boolean {
  return /^[0-9A-Za-z]{1,32}$/.test(text);
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
