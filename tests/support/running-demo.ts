import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { eventually } from './eventually.ts';

/** `npm run demo`, as a terminal runs it. */
export interface RunningDemo {
  readonly url: string;
  output(): string;
  /** Ctrl+C, once; then the status and the signal that it ended with. */
  stop(): Promise<readonly [number | null, NodeJS.Signals | null]>;
}

/** @param reader variables that whoever starts it has for an application of his own */
export async function startDemo(port: number, reader: Readonly<Record<string, string>> = {}): Promise<RunningDemo> {
  // As npm runs it, without npm, which ends by the signal itself.
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { demo: string } };
  const env = { ...process.env, ...reader, PORT: String(port) };
  // A group of its own, as a terminal has: Ctrl+C reaches all of it.
  const demo = spawn('bash', ['-c', scripts.demo], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(demo, 'exit');
  let output = '';
  let isStopped = false;
  for (const stream of [demo.stdout, demo.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  try {
    await eventually(() => output.includes('Stop with Ctrl+C') || demo.exitCode !== null, 150_000);
  } catch (error) {
    if (demo.pid !== undefined) process.kill(-demo.pid, 'SIGKILL');
    throw error;
  }
  if (demo.exitCode !== null) throw new Error(`The demo ended:\n${output}`);
  return {
    url: `http://localhost:${port}`,
    output: () => output,
    async stop() {
      if (!isStopped && demo.exitCode === null && demo.pid !== undefined) process.kill(-demo.pid, 'SIGINT');
      isStopped = true;
      const [status, signal] = await exited;
      return [status, signal];
    },
  };
}
