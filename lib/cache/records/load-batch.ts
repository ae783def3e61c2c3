import type { Clock } from '../../clock.ts';

/** Makes one question of several. */
export interface LoadBatch<R> {
  /** Joins the next question. `undefined` for what is not in its answer. @throws what the question rejects with */
  load(id: string, signal: AbortSignal): Promise<R | undefined>;
}

export interface LoadBatchOptions<R> {
  readonly clock: Clock;
  readonly load: (ids: readonly string[], context: { readonly signal: AbortSignal }) => Promise<ReadonlyMap<string, R>>;
}

interface Question<R> {
  readonly ids: Set<string>;
  readonly controller: AbortController;
  readonly answer: Promise<ReadonlyMap<string, R>>;
  /** Who still waits for it. */
  waiting: number;
}

/**
 * Whoever asks in the turn of the first one is asked for together. Nobody joins a question that has left: what it is written
 * upon, the stamps of the cache, has to be older than the question.
 */
export function createLoadBatch<R>({ clock, load }: LoadBatchOptions<R>): LoadBatch<R> {
  let gathering: Question<R> | undefined;

  const begin = (): Question<R> => {
    const ids = new Set<string>();
    const controller = new AbortController();
    const answer = endOfTurn(clock).then(() => {
      gathering = undefined;
      controller.signal.throwIfAborted();
      return load([...ids], { signal: controller.signal });
    });
    return { ids, controller, answer, waiting: 0 };
  };

  return {
    async load(id, signal) {
      gathering ??= begin();
      const question = gathering;
      question.ids.add(id);
      question.waiting += 1;
      const leave = () => {
        question.waiting -= 1;
        if (question.waiting === 0) question.controller.abort(signal.reason);
      };
      signal.addEventListener('abort', leave);
      try {
        return (await question.answer).get(id);
      } finally {
        signal.removeEventListener('abort', leave);
      }
    },
  };
}

/** The replies to one request have been looked at by then, compressed ones aside. */
function endOfTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.after(0, resolve);
  });
}
