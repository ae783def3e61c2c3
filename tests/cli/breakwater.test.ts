import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dispatch } from '../../cli/dispatch.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { projectRoot } from '../support/source-tree.ts';

interface Outcome {
  readonly status: number;
  readonly printed: string;
  readonly complaints: string;
}

async function breakwater(...args: string[]): Promise<Outcome> {
  const printed: string[] = [];
  const complaints: string[] = [];
  const status = await dispatch(args, {
    print: (line) => printed.push(line),
    complain: (line) => complaints.push(line),
    readLine: async () => '',
    env: {},
    stop: AbortSignal.abort(),
  });
  return { status, printed: printed.join('\n'), complaints: complaints.join('\n') };
}

describe('the command line', () => {
  it('without a command says how it is used and fails', async () => {
    const { status, printed, complaints } = await breakwater();
    expect([status, printed]).toEqual([2, '']);
    expect(complaints).toMatch(/^Usage: breakwater <command>/);
  });

  it.each(['--help', '-h', 'help'])('says how it is used when asked with %s', async (word) => {
    const { status, printed, complaints } = await breakwater(word);
    expect([status, complaints]).toEqual([0, '']);
    expect(printed).toMatch(/^ {2}dev /m);
  });

  it.each([[`bw_live_${'x'.repeat(38)}`], ['keys', 'list', '--after', `bw_live_${'x'.repeat(38)}`]])(
    'refuses what may be a key anywhere, and does not repeat it: %s',
    async (...args) => {
      const { status, complaints } = await breakwater(...args);
      expect([status, complaints]).toEqual([2, expect.stringMatching(/^A key is never an argument/)]);
      expect(complaints).not.toContain('xxx');
    },
  );

  it.each([
    ['devv', 'There is no such command. Did you mean dev?'],
    ['constructor', 'There is no such command'],
    ['hunter2', 'There is no such command'],
    ['-x', 'There is no such option'],
    ['--verzion', 'There is no such option. Did you mean --version?'],
    ["--x'\n(Did you mean hunter2?)", 'There is no such option'],
  ])('refuses %s, suggests what it knows, and repeats nothing', async (name, said) => {
    const { status, complaints } = await breakwater(name);
    expect([status, complaints]).toEqual([2, `${said}\nSee breakwater --help`]);
  });

  it.each([
    [['help', 'keys', 'create'], 'Usage: breakwater keys create '],
    [['help', 'keys'], 'Usage: breakwater keys <command>'],
    [['help', 'dev'], 'Usage: breakwater dev '],
    [['help', 'help'], 'Usage: breakwater <command>'],
    [['help', '--help'], 'Usage: breakwater <command>'],
  ])('explains what is meant by %j', async (args, usage) => {
    const { status, printed, complaints } = await breakwater(...args);
    expect([status, printed.startsWith(usage), complaints]).toEqual([0, true, '']);
  });

  it.each([
    [['help', 'key'], 'There is no such command. Did you mean keys?'],
    [['help', 'keys', 'lis'], 'Say create, list, show, usage, rotate or revoke. Did you mean list?'],
  ])('has nothing to explain by %j', async (args, said) => {
    const { status, printed, complaints } = await breakwater(...args);
    expect([status, printed, complaints.split('\n')[0]]).toEqual([2, '', said]);
  });

  it('takes what looks like an option for a value after = alone', async () => {
    const [meant, forgotten] = [
      await breakwater('dev', '--redis=--json'),
      await breakwater('dev', '--redis', '--json'),
    ];
    expect([meant.complaints, forgotten.complaints]).toEqual([
      expect.stringMatching(/^--redis: url must be/),
      expect.stringMatching(/^--redis needs a value/),
    ]);
  });

  it.each(['--version', '-v'])('says with %s which version it is', async (flag) => {
    const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8'));
    expect(await breakwater(flag)).toEqual({ status: 0, printed: version, complaints: '' });
  });

  it('says how a command is used when asked', async () => {
    const { status, printed } = await breakwater('dev', '--port', '0', '--help');
    expect(status).toBe(0);
    expect(printed).toContain('Usage: breakwater dev [options]');
  });

  it.each([
    [['--nope'], 'There is no such option'],
    [['--port', 'http'], '--port'],
    [['--port', '65536'], '--port'],
    [['--token', 'a b'], '--token'],
    [['--token', ''], '--token'],
    [['--redis', 'localhost:6379'], '--redis'],
    [['--redis'], '--redis'],
    [['extra'], 'There is an argument too many'],
    [['--json', '--quiet'], '--json and --quiet exclude each other'],
  ])('refuses %j and says what is wrong', async (args, named) => {
    const { status, printed, complaints } = await breakwater('dev', ...args);
    expect([status, printed]).toEqual([2, '']);
    expect(complaints).toContain(named);
  });

  it('says so when the port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { status, complaints } = await breakwater('dev', '--port', String(port));
    taken.close();
    expect(status).toBe(1);
    expect(complaints).toContain(`Cannot listen on port ${port}`);
  });
});

describe('breakwater as a process', () => {
  let folder = '';
  beforeAll(async () => {
    // Inside the project, so that it finds the packages.
    folder = await mkdtemp(join(projectRoot, 'node_modules', '.breakwater-cli-'));
    const compiler = join(projectRoot, 'node_modules/typescript/bin/tsc');
    const options = ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', folder];
    await promisify(execFile)(process.execPath, [compiler, ...options], { cwd: projectRoot });
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const children: ChildProcess[] = [];
  let redis: RedisServer | undefined;
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await redis?.stop();
  });

  interface Running {
    readonly child: ChildProcess;
    readonly url: string;
    readonly token: string;
  }

  async function start(...args: string[]): Promise<Running> {
    const command = [join(folder, 'cli/breakwater.js'), 'dev', '--port', '0', ...args];
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await expect.poll(() => text, { timeout: 10_000 }).toContain('Stop with Ctrl+C');
    const url = /KV_REST_API_URL=(\S+)/.exec(text)?.[1] ?? '';
    const token = /KV_REST_API_TOKEN=(\S+)/.exec(text)?.[1] ?? '';
    return { child, url, token };
  }

  it.each(['SIGINT', 'SIGTERM'] as const)('dev serves from memory with what it printed, until %s', async (signal) => {
    const { child, url, token } = await start();
    const store = upstashStore({ url, token });
    const script = `#!lua flags=allow-key-locking\nreturn redis.call('INCR', KEYS[1])`;
    expect(
      await store.execute([
        ['SET', 'k', 1],
        ['EVAL', script, 1, 'k'],
      ]),
    ).toEqual(['OK', 2]);
    const ended = once(child, 'exit');
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
    await expect(store.execute([['GET', 'k']])).rejects.toMatchObject({ kind: 'network' });
  });

  it('dev serves from the Redis and with the token that it was given', async () => {
    redis = await startRedis();
    const { child, url, token } = await start('--redis', redis.url, '--token', 'mine');
    expect(token).toBe('mine');
    const [answer] = await upstashStore({ url, token }).execute([['INFO', 'server']]);
    expect(answer).toContain(`tcp_port:${redis.port}`);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it('dev prints one line of JSON when it is asked to, and nothing but what goes wrong with --quiet', async () => {
    const child = spawn(process.execPath, [join(folder, 'cli/breakwater.js'), 'dev', '--port', '0', '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const [line] = await once(child.stdout, 'data');
    const { url, token } = JSON.parse(String(line));
    expect(await upstashStore({ url, token }).execute([['PING']])).toEqual(['PONG']);
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    expect(await breakwater('dev', '--port', '0', '--quiet')).toEqual({ status: 0, printed: '', complaints: '' });
  });

  interface Ended {
    readonly status: number | null;
    readonly out: string;
    readonly err: string;
  }

  /** Standard input stays open unless there is some: nothing may wait for it. */
  async function end(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    input?: string,
    command = 'keys',
  ): Promise<Ended> {
    const { child, ended } = begin([command, ...args], env);
    // With the line the pipe is not closed.
    if (input !== undefined) child.stdin.write(`${input}\n`);
    return ended;
  }

  function begin(args: readonly string[], env: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, [join(folder, 'cli/breakwater.js'), ...args], {
      env: { NODE_ENV: 'test', ...env },
    });
    children.push(child);
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    const ended = once(child, 'close').then(([status]): Ended => ({ status, out, err }));
    return { child, ended, complaints: () => err };
  }

  it('keys issues a key that a shell can take, takes it back by standard input, and ends by itself', async () => {
    redis = await startRedis();
    const env = { REDIS_URL: redis.url, BREAKWATER_KEY_PEPPER: 'k1:pepper-of-the-command-line' };
    const created = await end(['create', '--owner', 'acme', '--init'], env);
    expect([created.status, created.out]).toEqual([0, expect.stringMatching(/^bw_live_[0-9A-Za-z]{38}\n$/)]);
    const key = created.out.trim();
    expect(created.err).not.toContain(key);
    const revoked = await end(['revoke', '-', '--json'], env, key);
    expect(revoked.status).toBe(0);
    expect(JSON.parse(revoked.out)).toMatchObject({ revoked: true, propagated: true });
    expect((await end(['show', '--from-env', '--json'], { ...env, BREAKWATER_API_KEY: key })).out).toContain(
      '"revoked"',
    );
    expect((await end(['show', 'key_0000000000000000'], env)).status).toBe(3);
    const asArgument = await end(['revoke', key], env);
    expect([asArgument.status, asArgument.out]).toEqual([2, '']);
    expect(asArgument.err).not.toContain(key);
  });

  it('bench prints what it has measured by Ctrl+C, and limits what is left, each ending by itself', async () => {
    redis = await startRedis();
    const { child, ended, complaints } = begin(['bench', '--requests', '100000'], { REDIS_URL: redis.url });
    await expect.poll(complaints, { timeout: 10_000 }).toContain('Stop with Ctrl+C');
    child.kill('SIGINT');
    const { status, out, err } = await ended;
    expect([status, out]).toEqual([1, expect.stringMatching(/^WHAT +REQUESTS .*\nPING +\d/)]);
    expect(err).toMatch(/^Takes at most .*\nStopped\. .*\n$/);
    const args = ['peek', 'ip', '192.0.2.1', '--limit', '5', '--window', '1m', '--json'];
    const peeked = await end(args, { REDIS_URL: redis.url }, undefined, 'limits');
    expect([peeked.status, JSON.parse(peeked.out)]).toEqual([0, expect.objectContaining({ used: 0, remaining: 5 })]);
  });

  it.runIf(existsSync('/dev/full'))('fails in one line where what it prints finds no room', async () => {
    const full = await open('/dev/full', 'w');
    const child = spawn(process.execPath, [join(folder, 'cli/breakwater.js'), '--help'], {
      stdio: ['ignore', full.fd, 'pipe'],
    });
    children.push(child);
    let err = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    const [status] = await once(child, 'close');
    await full.close();
    expect([status, err]).toEqual([
      1,
      'Standard output could not be written (ENOSPC): what was printed there is lost\n',
    ]);
  });

  it('ends well and says nothing where its reader has had enough', async () => {
    const child = spawn(process.execPath, [join(folder, 'cli/breakwater.js'), '--help'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    child.stdout.destroy();
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    const [status] = await once(child, 'close');
    expect([status, err]).toEqual([0, '']);
  });

  it('keys says in one line that Redis is away', async () => {
    redis = await startRedis();
    await redis.kill();
    const { status, out, err } = await end(['create', '--owner', 'acme'], { REDIS_URL: redis.url });
    expect([status, out, err]).toEqual([1, '', expect.stringMatching(/^Redis did not serve \(network\): .*\n$/)]);
  });
});
