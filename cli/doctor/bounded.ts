/**
 * Does `work` with a signal that fires after so many milliseconds, or with `over`. By a timer of its own: the signals of
 * `AbortSignal.timeout` and `any` are collected on Node 20 while somebody waits for them.
 */
export async function bounded<T>(ms: number, over: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const end = new AbortController();
  const fire = (): void => end.abort(new DOMException('There was no answer in time', 'TimeoutError'));
  const timer = setTimeout(fire, ms);
  over.addEventListener('abort', fire, { once: true });
  if (over.aborted) fire();
  try {
    return await work(end.signal);
  } finally {
    clearTimeout(timer);
    over.removeEventListener('abort', fire);
  }
}
