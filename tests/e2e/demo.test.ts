import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/next-app.ts';
import { type RunningDemo, startDemo } from '../support/running-demo.ts';

let demo: RunningDemo;
let port: number;

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
  demo
    .output()
    .split('\n')
    .find((line) => line.trim().startsWith(start))
    ?.trim() ?? '';

beforeAll(async () => {
  port = await freePort();
  demo = await startDemo(port, OF_ANOTHER);
}, 180_000);

afterAll(() => demo.stop());

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
    expect(demo.output()).toMatch(/bw_live_[0-9A-Za-z]{38}/);
  });

  it('says that the page is a console, and how to stop', () => {
    expect(demo.output()).toContain('That page is the console');
    expect(printed('Stop with Ctrl+C')).toBe('Stop with Ctrl+C: the store, and all keys, end with it.');
  });

  it('prints no token and no secret', () => {
    expect(demo.output().replaceAll(/bw_live_[0-9A-Za-z]{38}/g, '')).not.toMatch(/[\w-]{32,}/);
  });

  it('takes no orders from who has not the token', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/api/demo/outage`, { method: 'POST' });
    expect(response.status).toBe(403);
  });

  it('prints a line that shows the identity behind the key', async () => {
    expect(JSON.parse(await shell(printed('curl')))).toMatchObject({ owner: 'demo', scopes: ['read'] });
  });

  it('has keys that work whatever its reader has set for an application of his own', async () => {
    const [key = ''] = /bw_live_[0-9A-Za-z]{38}/.exec(demo.output()) ?? [];
    const headers = { authorization: `Bearer ${key}` };
    expect((await fetch(`http://127.0.0.1:${port}/api/whoami`, { headers })).status).toBe(200);
  });

  it('prints a line that ends in 429', async () => {
    const statuses = (await shell(printed('for'))).trim().split('\n');
    expect(statuses[0]).toBe('200');
    expect(statuses.at(-1)).toBe('429');
  });

  it('stops cleanly on Ctrl+C, with all that it started', async () => {
    expect(await demo.stop()).toEqual([0, null]);
    const socket = connect(port, '127.0.0.1');
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });
});
