import type { StreamId } from './stream-ids.ts';
import { byteLength } from './text-bytes.ts';

export interface StringValue {
  readonly type: 'string';
  readonly text: string;
  readonly bytes: number;
}

export interface HashValue {
  readonly type: 'hash';
  readonly fields: Map<string, string>;
  bytes: number;
}

export interface SetValue {
  readonly type: 'set';
  readonly members: Set<string>;
  bytes: number;
}

export interface Scored {
  readonly member: string;
  readonly score: number;
}

export interface SortedSetValue {
  readonly type: 'zset';
  readonly scores: Map<string, number>;
  /** The same members by score, then by bytes. */
  readonly ranked: Scored[];
  /** Once more than 128 members, or one of more than 64 bytes: Redis then stores scores in another form, which shows. */
  isLarge: boolean;
  bytes: number;
}

export interface ListValue {
  readonly type: 'list';
  items: string[];
  bytes: number;
}

export interface StreamEntry {
  readonly id: StreamId;
  /** Names and values in turn. */
  readonly fields: readonly string[];
}

/** So many entries as Redis keeps in one listpack. */
export interface StreamNode {
  readonly firstId: StreamId;
  /** Of the last entry that it got, which may have been deleted. */
  lastId: StreamId;
  /** The names of the fields of its first entry. */
  readonly names: readonly string[];
  /** Those that are left. */
  readonly entries: StreamEntry[];
  deleted: number;
  /** What Redis would need for it. */
  packedBytes: number;
}

export interface StreamValue {
  readonly type: 'stream';
  readonly nodes: StreamNode[];
  length: number;
  /** The greatest that was ever given: ids never come again, whatever is deleted. */
  lastId: StreamId;
  bytes: number;
}

export type Value = StringValue | HashValue | SetValue | SortedSetValue | ListValue | StreamValue;
export type ValueType = Value['type'];
export type ValueOf<T extends ValueType> = Extract<Value, { readonly type: T }>;
export type Aggregate = Exclude<Value, StringValue>;
export type AggregateType = Aggregate['type'];

/** Rough cost of an element beyond its text: references, table slots, string headers. */
const ELEMENT_BYTES = 48;

export function stringValue(text: string): StringValue {
  return { type: 'string', text, bytes: byteLength(text) };
}

export const emptyValue: { readonly [T in AggregateType]: () => ValueOf<T> } = {
  hash: () => ({ type: 'hash', fields: new Map(), bytes: 0 }),
  set: () => ({ type: 'set', members: new Set(), bytes: 0 }),
  zset: () => ({ type: 'zset', scores: new Map(), ranked: [], isLarge: false, bytes: 0 }),
  list: () => ({ type: 'list', items: [], bytes: 0 }),
  stream: () => ({ type: 'stream', nodes: [], length: 0, lastId: 0n, bytes: 0 }),
};

export function isType<T extends ValueType>(value: Value, type: T): value is ValueOf<T> {
  return value.type === type;
}

/** Redis keeps no empty hash, set or list; an empty string is a value, and an empty stream remembers its last id. */
export function isEmpty(value: Value): boolean {
  switch (value.type) {
    case 'string':
    case 'stream':
      return false;
    case 'hash':
      return value.fields.size === 0;
    case 'set':
      return value.members.size === 0;
    case 'zset':
      return value.scores.size === 0;
    case 'list':
      return value.items.length === 0;
  }
}

/** What one element adds to the bytes of its aggregate. */
export function elementBytes(...texts: readonly string[]): number {
  let bytes = ELEMENT_BYTES;
  for (const text of texts) bytes += byteLength(text);
  return bytes;
}
