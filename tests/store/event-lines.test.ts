import { describe, expect, it } from 'vitest';
import { eventLines } from '../../lib/store/event-lines.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function linesOf(chunks: readonly Uint8Array[]): readonly string[] {
  const lines: string[] = [];
  const take = eventLines((line) => lines.push(line));
  for (const chunk of chunks) take(chunk);
  return lines;
}

describe('lines of events', () => {
  const text =
    'data: subscribe,a,1\n\n: a comment\nevent: other\nid: 7\ndata:without space\r\ndata: \r\n\r\ndata: message,a,ü, 🚀,"\ndataless\n data: no\ndata: last\n';
  const expected = ['subscribe,a,1', 'without space', '', 'message,a,ü, 🚀,"', 'last'];

  it('are those of data, without what the form adds', () => {
    expect(linesOf([bytesOf(text)])).toEqual(expected);
  });

  it('are the same wherever chunks are cut, within a character too', () => {
    const bytes = bytesOf(text);
    expect(linesOf([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect(linesOf([bytes.slice(0, cut), new Uint8Array(), bytes.slice(cut)])).toEqual(expected);
    }
  });

  it('are told of when they are complete', () => {
    expect(linesOf([bytesOf('data: half')])).toEqual([]);
  });

  it('may have 1 MiB, and not more, complete or not', () => {
    const most = `data: ${'x'.repeat(1024 * 1024 - 6)}`;
    expect(linesOf([bytesOf(`${most}\n`)])).toHaveLength(1);
    expect(() => linesOf([bytesOf(`${most}x\n`)])).toThrow(expect.objectContaining({ kind: 'protocol' }));
    expect(linesOf([bytesOf(most)])).toEqual([]);
    expect(() => linesOf([bytesOf(most), bytesOf('x')])).toThrow(expect.objectContaining({ kind: 'protocol' }));
  });
});
