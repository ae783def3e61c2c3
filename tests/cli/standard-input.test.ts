import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { firstLine } from '../../cli/standard-input.ts';

const never = new AbortController().signal;

describe('the first line of standard input', () => {
  it.each([
    ['one line', ['key\n'], 'key'],
    ['a line without its end', ['key'], 'key'],
    ['a line in parts', ['k', 'e', 'y\nmo', 're'], 'key'],
    ['a line of Windows', ['key\r\n'], 'key'],
    ['white space around it', ['  key \t\nmore'], 'key'],
    ['an empty line first', ['\nkey'], ''],
    ['nothing', [], ''],
  ])('is that of %s', async (_what, chunks, line) => {
    expect(await firstLine(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), never)).toBe(line);
  });

  it('does not wait for more than the line, and leaves the stream closed', async () => {
    const input = new PassThrough();
    input.write('key\n');
    expect(await firstLine(input, never)).toBe('key');
    expect(input.destroyed).toBe(true);
  });

  it('is not waited for when it is to stop', async () => {
    const stop = new AbortController();
    const input = new PassThrough();
    const line = firstLine(input, stop.signal);
    stop.abort();
    await expect(line).rejects.toMatchObject({ name: 'AbortError' });
    expect(input.destroyed).toBe(true);
    await expect(firstLine(new PassThrough(), stop.signal)).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('is no longer than anything that is read so', async () => {
    const input = new PassThrough();
    input.write('x'.repeat(4_097));
    expect(await firstLine(input, never)).toHaveLength(4_097);
  });
});
