import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { CommandIo } from '../../cli/command.ts';
import { processIo } from '../../cli/process-io.ts';

interface Shown {
  readonly io: CommandIo;
  out(): string;
  err(): string;
}

function shown({ outTty = false, errTty = false, columns = 40 }, env: Readonly<Record<string, string>> = {}): Shown {
  let [out, err] = ['', ''];
  const io = processIo({
    stdout: {
      isTTY: outTty,
      columns,
      write: (text) => {
        out += text;
      },
    },
    stderr: {
      isTTY: errTty,
      columns,
      write: (text) => {
        err += text;
      },
    },
    stdin: new PassThrough(),
    env,
    stop: new AbortController().signal,
  });
  return { io, out: () => out, err: () => err };
}

describe('what a command has of its process', () => {
  it('prints lines on standard output, and complains on standard error', () => {
    const { io, out, err } = shown({});
    io.print('asked for');
    io.complain('worth knowing');
    expect([out(), err()]).toEqual(['asked for\n', 'worth knowing\n']);
  });

  it('shows progress on a terminal only: no pipe and no dumb terminal gets any', () => {
    expect(shown({ outTty: true }).io.progress).toBeUndefined();
    expect(shown({ errTty: true }, { TERM: 'dumb' }).io.progress).toBeUndefined();
    expect(shown({ errTty: true }).io.progress).toBeDefined();
  });

  it('puts progress in the place of that before, and takes it away before anything else is said', () => {
    const { io, out, err } = shown({ outTty: true, errTty: true });
    io.progress?.('one');
    io.progress?.('two');
    io.print('asked for');
    io.complain('done');
    io.progress?.('three');
    io.progress?.('');
    io.progress?.('');
    expect(out()).toBe('asked for\n');
    expect(err()).toBe('one\r\u001b[Ktwo\r\u001b[Kdone\nthree\r\u001b[K');
  });

  it('cuts progress off at the width of the terminal: what wraps could not be taken back', () => {
    const { io, err } = shown({ errTty: true, columns: 5 });
    io.progress?.('123456789');
    expect(err()).toBe('1234');
  });

  it.each<[string, { outTty: boolean }, Readonly<Record<string, string>>, CommandIo['terminal']]>([
    ['a pipe', { outTty: false }, {}, undefined],
    ['a terminal', { outTty: true }, {}, { columns: 40, colours: true }],
    ['a terminal with NO_COLOR', { outTty: true }, { NO_COLOR: '1' }, { columns: 40, colours: false }],
    ['a terminal with an empty NO_COLOR', { outTty: true }, { NO_COLOR: '' }, { columns: 40, colours: true }],
    ['a dumb terminal', { outTty: true }, { TERM: 'dumb' }, { columns: 40, colours: false }],
  ])('knows %s', (_what, streams, env, terminal) => {
    expect(shown(streams, env).io.terminal).toEqual(terminal);
  });
});
