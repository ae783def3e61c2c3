import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEventParser } from '../../../../app/_console/live/event-parser.ts';

const parsed = (...pieces: string[]) => {
  const parser = createEventParser();
  return pieces.flatMap((piece) => parser.push(piece));
};

describe('a stream of server-sent events', () => {
  it('is events with a name, and messages without', () => {
    expect(parsed('event: snapshot\ndata: {"at":1}\n\ndata: x\n\n')).toEqual([
      { event: 'snapshot', data: '{"at":1}' },
      { event: 'message', data: 'x' },
    ]);
  });

  it('has the same events wherever its pieces end', () => {
    const text =
      '\ufeff: hello\r\nevent: history\r\ndata: [1,\r\ndata: 2]\r\n\r\n:\n\nevent:snapshot\ndata:{"a":"ä:b"}\n\nid: 7\rdata: z\r\r';
    const whole = parsed(text);
    expect(whole).toEqual([
      { event: 'history', data: '[1,\n2]' },
      { event: 'snapshot', data: '{"a":"ä:b"}' },
      { event: 'message', data: 'z' },
    ]);
    expect(parsed(...text)).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const bounds = [0, ...cuts.sort((one, other) => one - other), text.length];
        const pieces = bounds.slice(1).map((end, at) => text.slice(bounds[at], end));
        expect(parsed(...pieces)).toEqual(whole);
      }),
    );
  });

  it('tells of an event with its last character, not with the one after', () => {
    const parser = createEventParser();
    expect(parser.push('data: x\n')).toEqual([]);
    expect(parser.push('\n')).toHaveLength(1);
    expect(parser.push('data: y\r\r')).toHaveLength(1);
    expect(parser.push('\ndata: z\r\n\r')).toHaveLength(1);
  });

  it('has no event without data, and none that did not end', () => {
    expect(parsed('event: snapshot\n\ndata: half')).toEqual([]);
    expect(parsed('event: a\n\ndata: b\n\n')).toEqual([{ event: 'message', data: 'b' }]);
    expect(parsed('data\n\n')).toEqual([{ event: 'message', data: '' }]);
  });

  it('takes one space after the colon away, and no more', () => {
    expect(parsed('data:  x \n\n')).toEqual([{ event: 'message', data: ' x ' }]);
  });

  it('refuses an event without an end, in one line or many', () => {
    const parser = createEventParser({ maxChars: 10 });
    expect(parser.push('data: 4567')).toEqual([]);
    expect(() => parser.push('8')).toThrow(RangeError);
    const lines = createEventParser({ maxChars: 10 });
    expect(lines.push('data: 12345\ndata: 67890\n')).toEqual([]);
    expect(() => lines.push('data: 1\n')).toThrow(RangeError);
  });
});
