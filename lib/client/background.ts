import { platformWaitUntil, type WaitUntil } from './platform-wait.ts';

/** Work that outlives its caller. */
export interface Background {
  /** Begins it; what it rejects with has been counted by then. */
  run(work: () => Promise<unknown>): void;
  /** When nothing runs any more. */
  settled(): Promise<void>;
}

/** Tells `waitUntil` of it, or where that is not given the platform: some end what goes on behind an answer. */
export function createBackground(waitUntil: WaitUntil | undefined): Background {
  const running = new Set<Promise<unknown>>();
  return {
    run(work) {
      const promise = work()
        .catch(() => undefined)
        .finally(() => running.delete(promise));
      running.add(promise);
      try {
        (waitUntil ?? platformWaitUntil())?.(promise);
      } catch {
        // Outside a request some platforms refuse it: then nothing has to be kept awake.
      }
    },
    async settled() {
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}
