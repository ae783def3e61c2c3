import { expect } from 'vitest';
import { dispatch } from '../../cli/dispatch.ts';

export type Environment = Readonly<Record<string, string>>;

export interface CommandOutcome {
  readonly status: number;
  readonly printed: readonly string[];
  readonly complaints: readonly string[];
}

/** Runs `breakwater <command> …`, which reads nothing and complains in single lines. */
export async function runCommand(
  command: string,
  args: readonly string[],
  env: Environment,
  stop: AbortSignal = new AbortController().signal,
): Promise<CommandOutcome> {
  const printed: string[] = [];
  const complaints: string[] = [];
  const status = await dispatch([command, ...args], {
    print: (line) => printed.push(line),
    complain: (line) => complaints.push(line),
    readLine: () => Promise.reject(new Error('standard input is read')),
    env,
    stop,
  });
  for (const line of complaints) expect(line).not.toContain('\n');
  return { status, printed, complaints };
}
