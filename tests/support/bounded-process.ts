import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface ProcessOptions {
  readonly cwd: string;
  /** Beside that of this process, which is without what would configure a Breakwater. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** After which it is killed, or found not to be ready, in milliseconds. */
  readonly withinMs: number;
}

export interface RunningProcess {
  /** What `ready` has found in the output. */
  readonly found: string;
  /** What it has printed so far, on both streams. */
  output(): string;
  stop(): Promise<void>;
}

/** What vitest and `npm run` have put into the environment, and what would configure a Breakwater. */
const FOREIGN =
  /^(?:NODE_ENV|NODE_OPTIONS|VITEST.*|TEST|DEV|PROD|MODE|SSR|INIT_CWD|npm_(?!config_).*|npm_config_local_prefix|KV_.*|UPSTASH_.*|REDIS_.*|BREAKWATER_.*|TRUSTED_PROXIES|PORT)$/;

function plainEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of Object.keys(env)) if (FOREIGN.test(name)) Reflect.deleteProperty(env, name);
  return env;
}

/** Runs a command to its end. @returns its standard output @throws with all that it printed when it fails */
export async function runBounded(
  command: string,
  args: readonly string[],
  { cwd, env, withinMs }: ProcessOptions,
): Promise<string> {
  const child = start(command, args, cwd, env);
  let printed = '';
  let complained = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    complained += chunk.toString();
  });
  const late = setTimeout(() => end(child, 'SIGKILL'), withinMs);
  const [status] = await once(child, 'close');
  clearTimeout(late);
  if (status === 0) return printed;
  throw new Error(`${command} ${args.join(' ')} ended with ${status ?? 'a signal'}:\n${printed}${complained}`);
}

/** Starts a server, and waits until its output holds what `ready` looks for: the first group of it. */
export async function startBounded(
  command: string,
  args: readonly string[],
  { ready, withinMs, cwd, env }: ProcessOptions & { readonly ready: RegExp },
): Promise<RunningProcess> {
  const child = start(command, args, cwd, env);
  const closed = once(child, 'close');
  let text = '';
  const found = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${command} ${args.join(' ')} ${why}:\n${text}`));
    const late = setTimeout(() => fail('is not ready'), withinMs);
    const read = (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-1_000_000);
      const match = ready.exec(text);
      if (match) resolve(match[1] ?? '');
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    void closed.then(([status]) => {
      clearTimeout(late);
      fail(`ended with ${status ?? 'a signal'}`);
    });
  }).catch((error: unknown) => {
    end(child, 'SIGKILL');
    throw error;
  });
  return {
    found,
    output: () => text,
    async stop() {
      end(child, 'SIGTERM');
      const late = setTimeout(() => end(child, 'SIGKILL'), 5_000);
      await closed;
      clearTimeout(late);
    },
  };
}

/** In a group of its own, so that what it starts ends with it. */
function start(command: string, args: readonly string[], cwd: string, env: ProcessOptions['env']): ChildProcess {
  const child = spawn(command, args, {
    cwd,
    env: { ...plainEnvironment(), NEXT_TELEMETRY_DISABLED: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const atExit = () => end(child, 'SIGKILL');
  process.once('exit', atExit);
  child.once('close', () => process.off('exit', atExit));
  return child;
}

function end({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
