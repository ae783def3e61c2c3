/**
 * Gives `work` a controller that `signal` aborts too, for as long as it runs. `AbortSignal.any` does not exist in the Edge
 * sandbox of Next 16.
 */
export function withSignal<T>(
  signal: AbortSignal | undefined,
  work: (controller: AbortController) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  if (!signal) return work(controller);
  const abandon = () => controller.abort(signal.reason);
  if (signal.aborted) abandon();
  signal.addEventListener('abort', abandon);
  return work(controller).finally(() => signal.removeEventListener('abort', abandon));
}
