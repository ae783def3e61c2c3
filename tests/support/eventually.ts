import { setTimeout as delay } from 'node:timers/promises';

/** Polls until `holds`; gives up after a time that only a hang can take. */
export async function eventually(holds: () => boolean | Promise<boolean>, hangMs = 30_000): Promise<void> {
  const giveUpAt = performance.now() + hangMs;
  while (!(await holds())) {
    if (performance.now() > giveUpAt) throw new Error(`Still not so after ${hangMs} ms: ${holds}`);
    await delay(10);
  }
}
