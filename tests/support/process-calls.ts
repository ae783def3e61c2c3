import { fork } from 'node:child_process';
import { once } from 'node:events';

/** What a process does when it is called. */
type Work = (...args: never[]) => unknown;

/** The same from outside: a call is a message, and its answer another. */
export type Calls<Api> = {
  readonly [Name in keyof Api]: Api[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

export interface ChildOf<Api> {
  readonly call: Calls<Api>;
  /** Kills it, and waits for its end. */
  stop(): Promise<void>;
}

interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string | undefined;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Starts the program at `path` as a process of its own. */
export function startChild<Api>(path: string): ChildOf<Api> {
  const child = fork(path, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  const waiting = new Map<number, Waiting>();
  let calls = 0;
  child.on('message', ({ id, result, error }: Answer) => {
    const caller = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) caller?.resolve(result);
    else caller?.reject(new Error(error));
  });
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`The process has ended: ${code ?? signal}`));
    waiting.clear();
  });
  const send = (name: string, args: readonly unknown[]) =>
    new Promise<unknown>((resolve, reject) => {
      calls += 1;
      waiting.set(calls, { resolve, reject });
      child.send({ id: calls, name, args } satisfies Call);
    });
  return {
    call: new Proxy({} as Calls<Api>, {
      get:
        (_, name) =>
        (...args: unknown[]) =>
          send(String(name), args),
    }),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
    },
  };
}

/** The other end: answers calls until whoever started this process is gone. */
export function answerCalls(api: Readonly<Record<string, Work>>): void {
  const work = async ({ name, args }: Call): Promise<unknown> => {
    const method = api[name] as ((...args: readonly unknown[]) => unknown) | undefined;
    if (!method) throw new Error(`No such call: ${name}`);
    return method(...args);
  };
  process.on('message', (call: Call) => {
    work(call).then(
      (result) => process.send?.({ id: call.id, result } satisfies Answer),
      (error: unknown) => process.send?.({ id: call.id, error: String(error) } satisfies Answer),
    );
  });
  process.on('disconnect', () => process.exit());
}
