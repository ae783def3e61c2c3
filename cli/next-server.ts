import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a build is made of. */
const SOURCES = [
  'api',
  'app',
  'lib',
  'instrumentation.ts',
  'instrumentation-node.ts',
  'middleware.ts',
  'next.config.ts',
  'package-lock.json',
];
/** Where a build begins to be one, and what it writes last: one that was interrupted between them does not start. */
const BUILD = { begun: '.next/BUILD_ID', whole: '.next/export-marker.json' };
const READY_MS = 60_000;

export interface NextServer {
  readonly url: string;
  readonly pid: number;
  /** Settles when the process ends: 0 when it was asked to. */
  readonly exited: Promise<number>;
  /** What the process has printed so far. */
  output(): string;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  readonly stop?: AbortSignal | undefined;
}

/** Builds the application in the working directory unless the last build is younger than all of its sources. */
export async function buildIfNeeded({
  print,
  stop,
}: {
  print: (line: string) => void;
  stop?: AbortSignal;
}): Promise<void> {
  if (isBuilt(process.cwd())) return;
  print('Building the application (about ten seconds) ...');
  const build = run(['build'], {});
  const stopBuild = () => build.child.kill('SIGTERM');
  stop?.addEventListener('abort', stopBuild);
  const status = await build.exited;
  stop?.removeEventListener('abort', stopBuild);
  if (status !== 0 && !stop?.aborted) throw new Error(`next build failed:\n${build.output()}`);
}

/**
 * Starts the built application on the loopback interface, and waits until it answers.
 *
 * @throws Error when the port is taken, when `stop` is aborted before, and with what the server printed when it ends before
 * it answers.
 */
export async function startNext({ port, env, stop }: StartOptions): Promise<NextServer> {
  const url = `http://localhost:${port}`;
  await assertFree(port);
  // Who was told to stop before would not be told again.
  stop?.throwIfAborted();
  const { child, exited, output } = run(['start', '-H', '127.0.0.1', '-p', String(port)], env);
  const end = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await exited;
    clearTimeout(late);
  };
  let ended: number | undefined;
  exited.then((status) => {
    ended = status;
  });
  stop?.addEventListener('abort', () => void end());
  for (const deadline = Date.now() + READY_MS; !(await answers(`http://127.0.0.1:${port}/`)); await sleep(50)) {
    if (ended !== undefined) throw new Error(`next start ended with status ${ended}:\n${output()}`);
    if (Date.now() > deadline) {
      await end();
      throw new Error(`next start does not answer:\n${output()}`);
    }
  }
  return {
    url,
    pid: child.pid ?? 0,
    exited: exited.then((status) => (stop?.aborted ? 0 : status)),
    output,
    stop: end,
  };
}

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<number>;
  output(): string;
}

function run(args: readonly string[], env: Readonly<Record<string, string>>): Running {
  const next = createRequire(join(process.cwd(), 'package.json')).resolve('next/dist/bin/next');
  const child = spawn(process.execPath, [next, ...args], {
    env: { ...process.env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-1_000_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const exited = new Promise<number>((resolve) => {
    child.once('close', (code) => resolve(code ?? 1));
    child.once('error', (error) => {
      text += error.message;
      resolve(1);
    });
  });
  return { child, exited, output: () => text };
}

/**
 * Whoever holds the port would answer in our place: also who has it of IPv6 alone, to which `localhost` leads first in many
 * places.
 */
async function assertFree(port: number): Promise<void> {
  for (const host of ['127.0.0.1', '::1']) {
    const code = await whyTaken(port, host);
    if (code === 'EACCES') throw new Error(`Port ${port} may not be opened by this user: choose another with PORT`);
    // A machine without IPv6 has nobody there.
    const isAbsent = host === '::1' && code !== 'EADDRINUSE';
    if (code !== undefined && !isAbsent) throw new Error(`Port ${port} is in use: choose another with PORT`);
  }
}

function whyTaken(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    probe.listen(port, host, () => probe.close(() => resolve(undefined)));
  });
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** Whether the application in `folder` has a whole build, younger than all of its sources. */
export function isBuilt(folder: string): boolean {
  const builtAt = modifiedAt(join(folder, BUILD.begun));
  const isWhole = modifiedAt(join(folder, BUILD.whole)) > 0;
  return builtAt > 0 && isWhole && SOURCES.every((source) => newest(join(folder, source)) <= builtAt);
}

function newest(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return modifiedAt(path);
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
