import type { Command, Reply, Store, StoreExecuteOptions } from '../store/store.ts';

/** One request that the store was sent and has not answered yet. */
export interface PendingRequest {
  readonly commands: readonly Command[];
  readonly atomic: boolean;
  readonly signal: AbortSignal | undefined;
  /** Answers it, once. */
  answer(replies: readonly Reply[]): void;
  /** Rejects it, once. */
  fail(error: unknown): void;
}

/** A store that answers when and what the test says. */
export interface ScriptedStore extends Store {
  /** Every request ever sent, in order. */
  readonly sent: readonly PendingRequest[];
  /** Answers all later requests at once; `undefined` goes back to waiting for the test. */
  respond(rule: ((commands: readonly Command[]) => readonly Reply[] | Error) | undefined): void;
}

/** A store that answers what a test tells it to, when it tells it to. */
export function scriptedStore(): ScriptedStore {
  const sent: PendingRequest[] = [];
  let rule: ((commands: readonly Command[]) => readonly Reply[] | Error) | undefined;
  return {
    kind: 'memory',
    sent,
    respond(next) {
      rule = next;
    },
    execute(commands: readonly Command[], { signal, atomic = false }: StoreExecuteOptions = {}) {
      return new Promise<readonly Reply[]>((resolve, reject) => {
        sent.push({ commands, atomic, signal, answer: resolve, fail: reject });
        const answer = rule?.(commands);
        if (answer instanceof Error) reject(answer);
        else if (answer) resolve(answer);
      });
    },
    async close() {},
  };
}
