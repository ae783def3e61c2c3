import { LISTPACK_BYTES, listpackBytes } from './listpack-size.ts';
import { MAX_SEQUENCE, millisOf, type StreamId } from './stream-ids.ts';
import { byteLength } from './text-bytes.ts';
import { elementBytes, type StreamEntry, type StreamNode, type StreamValue } from './values.ts';

/** As `stream-node-max-entries` and `stream-node-max-bytes` are by default: trimming with `~` takes whole nodes, so they show. */
export const NODE_ENTRIES = 100;
const NODE_BYTES = 4_096;

export function appendEntry(stream: StreamValue, entry: StreamEntry): void {
  const text = entry.fields.reduce((sum, word) => sum + byteLength(word), 0);
  let node = stream.nodes.at(-1);
  if (
    node === undefined ||
    node.packedBytes + text >= NODE_BYTES ||
    node.entries.length + node.deleted >= NODE_ENTRIES
  ) {
    node = newNode(entry);
    stream.nodes.push(node);
  }
  node.packedBytes += packedEntry(node, entry);
  node.entries.push(entry);
  node.lastId = entry.id;
  stream.lastId = entry.id;
  stream.length += 1;
  stream.bytes += entryBytes(entry);
}

/** Whether it was there. */
export function deleteEntry(stream: StreamValue, id: StreamId): boolean {
  const at = nodeOf(stream, id);
  const node = stream.nodes[at];
  const place = node?.entries.findIndex((entry) => entry.id === id) ?? -1;
  if (node === undefined || place < 0) return false;
  dropEntries(stream, node, place, 1);
  if (node.entries.length === 0) stream.nodes.splice(at, 1);
  return true;
}

/** Entries from `from` to `to`, both included, in order, at most `count`; from the end where it is `reversed`. */
export function entriesBetween(
  stream: StreamValue,
  [from, to]: readonly [StreamId, StreamId],
  count: number,
  reversed: boolean,
): readonly StreamEntry[] {
  const found: StreamEntry[] = [];
  const step = reversed ? -1 : 1;
  const { nodes } = stream;
  for (let at = nodeOf(stream, reversed ? to : from); found.length < count; at += step) {
    const node = nodes[at];
    if (node === undefined || (reversed ? node.lastId < from : node.firstId > to)) break;
    const within = node.entries.filter(({ id }) => id >= from && id <= to);
    found.push(...(reversed ? within.reverse() : within).slice(0, count - found.length));
  }
  return found;
}

export type Trim =
  | { readonly by: 'length'; readonly length: bigint; readonly approximate: boolean; readonly limit: bigint }
  | { readonly by: 'id'; readonly id: StreamId; readonly approximate: boolean; readonly limit: bigint };

/** Takes the oldest entries away, and says how many; whole nodes only where that is `approximate`, and within `limit`. */
export function trimStream(stream: StreamValue, trim: Trim): number {
  const before = stream.length;
  let whole = 0;
  for (const node of stream.nodes) {
    const { length: entries } = node.entries;
    const isDone = trim.by === 'length' && BigInt(stream.length) <= trim.length;
    if (isDone || (trim.limit > 0n && BigInt(before - stream.length + entries) > trim.limit)) break;
    const goes = trim.by === 'length' ? BigInt(stream.length - entries) >= trim.length : node.lastId < trim.id;
    if (!goes) {
      if (!trim.approximate) dropEntries(stream, node, 0, surplusOf(stream, node, trim));
      break;
    }
    dropEntries(stream, node, 0, entries);
    whole += 1;
  }
  stream.nodes.splice(0, whole);
  return before - stream.length;
}

function surplusOf(stream: StreamValue, node: StreamNode, trim: Trim): number {
  if (trim.by === 'length') return stream.length - Number(trim.length);
  const stays = node.entries.findIndex(({ id }) => id >= trim.id);
  return stays < 0 ? node.entries.length : stays;
}

function dropEntries(stream: StreamValue, node: StreamNode, from: number, count: number): void {
  const dropped = node.entries.splice(from, count);
  node.deleted += dropped.length;
  stream.length -= dropped.length;
  for (const entry of dropped) stream.bytes -= entryBytes(entry);
}

/** The place of the last node that begins at or before `id`; the first where none does. */
function nodeOf({ nodes }: StreamValue, id: StreamId): number {
  let [low, high] = [0, nodes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((nodes[middle]?.firstId ?? 0n) <= id) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** Its first entry's fields stand in front: whoever has the same ones keeps only their values. */
function newNode({ id, fields }: StreamEntry): StreamNode {
  const names = fields.filter((_, index) => index % 2 === 0);
  const head = [1, 0, names.length, ...names, 0].reduce<number>((sum, word) => sum + listpackBytes(word), 0);
  return { firstId: id, lastId: id, names, entries: [], deleted: 0, packedBytes: LISTPACK_BYTES + head };
}

function packedEntry({ firstId, names }: StreamNode, { id, fields }: StreamEntry): number {
  const values = fields.filter((_, index) => index % 2 === 1);
  const isAlike = values.length === names.length && names.every((name, index) => name === fields[2 * index]);
  const millis = BigInt.asIntN(64, millisOf(id) - millisOf(firstId));
  const sequence = BigInt.asIntN(64, (id & MAX_SEQUENCE) - (firstId & MAX_SEQUENCE));
  const body = isAlike ? [...values, 3 + values.length] : [values.length, ...fields, 4 + fields.length];
  return [0, millis, sequence, ...body].reduce<number>((sum, word) => sum + listpackBytes(word), 0);
}

function entryBytes({ fields }: StreamEntry): number {
  return elementBytes(...fields) + 16;
}
