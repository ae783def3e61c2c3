import { expect } from 'vitest';
import { dispatch } from '../../cli/dispatch.ts';
import { freePort } from './redis-server.ts';

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

type Run = (args: readonly string[], env: Environment, stop?: AbortSignal) => Promise<CommandOutcome>;

/** Each of these command lines wants a Redis that others see too, and names the variable that is wrong, never its value. */
export async function expectToWantRedis(run: Run, lines: readonly (readonly string[])[]): Promise<void> {
  for (const line of lines) {
    const { status, complaints } = await run(line, { KV_STORE: 'memory' });
    expect([status, complaints[0]]).toEqual([2, expect.stringContaining('REDIS_URL')]);
    const wrong = await run(line, { REDIS_URL: 'http://hunter2' });
    expect([wrong.status, wrong.complaints[0]?.split(' ')[0]]).toEqual([2, 'REDIS_URL']);
    expect(wrong.complaints.join()).not.toContain('hunter2');
  }
}

/** Each of these command lines says in one line that Redis is away, without its password, and stops when it is asked to. */
export async function expectToSayAway(run: Run, lines: readonly (readonly string[])[]): Promise<void> {
  const env = { REDIS_URL: `redis://:hunter2@127.0.0.1:${await freePort()}` };
  for (const line of lines) {
    const { status, printed, complaints } = await run(line, env);
    expect([status, printed, complaints.length]).toEqual([1, [], 1]);
    expect(complaints[0]).toMatch(/^Redis did not serve \(network\): /);
    expect(complaints[0]).not.toContain('hunter2');
    expect((await run(line, env, AbortSignal.abort())).complaints).toEqual(['Stopped']);
  }
}
