import type { Readable } from 'node:stream';
import type { CommandIo } from './command.ts';
import { firstLine } from './standard-input.ts';

/** What is used of a stream that may be a terminal. */
export interface Output {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export interface ProcessParts {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: Readable;
  readonly env: CommandIo['env'];
  readonly stop: AbortSignal;
}

/** To the beginning of the line, and away with what stands there. */
const CLEAR = '\r\u001b[K';

/** What a command has of the process that it runs in. Progress is shown on a terminal only, and leaves nothing there. */
export function processIo({ stdout, stderr, stdin, env, stop }: ProcessParts): CommandIo {
  const isDumb = env.TERM === 'dumb';
  let shown = false;
  const clear = (): void => {
    if (shown) stderr.write(CLEAR);
    shown = false;
  };
  const say =
    (output: Output) =>
    (line: string): void => {
      clear();
      output.write(`${line}\n`);
    };
  const progress = (line: string): void => {
    clear();
    if (line === '') return;
    // A line that wraps could not be taken back.
    stderr.write(line.slice(0, (stderr.columns || 80) - 1));
    shown = true;
  };
  return {
    print: say(stdout),
    complain: say(stderr),
    progress: stderr.isTTY && !isDumb ? progress : undefined,
    readLine: () => firstLine(stdin, stop),
    env,
    stop,
    // As https://no-color.org wants it.
    terminal: stdout.isTTY ? { columns: stdout.columns || 80, colours: !isDumb && !env.NO_COLOR } : undefined,
  };
}
