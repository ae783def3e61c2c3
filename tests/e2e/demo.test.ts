import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/next-app.ts';

let demo: ChildProcess;
let port: number;
let output = '';
let exited: Promise<unknown[]>;

/** Variables of an application of the reader's own, with which none of the demo's keys would be found. */
const OF_ANOTHER = {
  BREAKWATER_NAMESPACE: 'mine',
  BREAKWATER_KEY_PREFIX: 'mine',
  BREAKWATER_DENY: '127.0.0.1',
  BREAKWATER_CONSOLE_ORIGIN: 'http://127.0.0.1:9',
  KV_REST_API_URL: 'http://127.0.0.1:9',
};

/** The printed line that begins with `start`. */
const printed = (start: string) =>
  output
    .split('\n')
    .find((line) => line.trim().startsWith(start))
    ?.trim() ?? '';

beforeAll(async () => {
  port = await freePort();
  const env = { ...process.env, ...OF_ANOTHER, PORT: String(port) };
  // As npm runs it, without npm, which ends by the signal itself.
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { demo: string } };
  // A group of its own, as a terminal has: Ctrl+C reaches all of it.
  demo = spawn('bash', ['-c', scripts.demo], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  exited = once(demo, 'exit');
  for (const stream of [demo.stdout, demo.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  await eventually(() => output.includes('Stop with Ctrl+C') || demo.exitCode !== null, 100_000);
}, 120_000);

afterAll(() => {
  if (demo.exitCode === null && demo.pid !== undefined) process.kill(-demo.pid, 'SIGKILL');
});

/** Runs a line that the demo prints, as its reader would. */
async function shell(line: string): Promise<string> {
  const child = spawn('bash', ['-c', line], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(child, 'close');
  return text;
}

describe('npm run demo', () => {
  it('prints where it is and a key', () => {
    expect(printed('Breakwater is open')).toBe(`Breakwater is open at http://localhost:${port}`);
    expect(output).toMatch(/bw_live_[0-9A-Za-z]{38}/);
  });

  it('says that the page is a console, and how to stop', () => {
    expect(output).toContain('That page is the console');
    expect(printed('Stop with Ctrl+C')).toBe('Stop with Ctrl+C: the store, and all keys, end with it.');
  });

  it('prints no token and no secret', () => {
    expect(output.replaceAll(/bw_live_[0-9A-Za-z]{38}/g, '')).not.toMatch(/[\w-]{32,}/);
  });

  it('takes no orders from who has not the token', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/api/demo/outage`, { method: 'POST' });
    expect(response.status).toBe(403);
  });

  it('prints a line that shows the identity behind the key', async () => {
    expect(JSON.parse(await shell(printed('curl')))).toMatchObject({ owner: 'demo', scopes: ['read'] });
  });

  it('has keys that work whatever its reader has set for an application of his own', async () => {
    const [key = ''] = /bw_live_[0-9A-Za-z]{38}/.exec(output) ?? [];
    const headers = { authorization: `Bearer ${key}` };
    expect((await fetch(`http://127.0.0.1:${port}/api/whoami`, { headers })).status).toBe(200);
  });

  it('prints a line that ends in 429', async () => {
    const statuses = (await shell(printed('for'))).trim().split('\n');
    expect(statuses[0]).toBe('200');
    expect(statuses.at(-1)).toBe('429');
  });

  it('stops cleanly on Ctrl+C, with all that it started', async () => {
    process.kill(-(demo.pid ?? 0), 'SIGINT');
    expect(await exited).toEqual([0, null]);
    const socket = connect(port, '127.0.0.1');
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });
});
