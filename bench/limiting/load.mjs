/**
 * @typedef {{ from: number, to: number, allowed: boolean }} Checked one check, by the local clock in milliseconds
 */

/**
 * Poisson arrivals, spread over the processes at random: each check is made whether or not the ones before it have
 * returned.
 *
 * @param {readonly import('./contenders.mjs').Check[]} checks one per process
 * @returns {Promise<readonly Checked[]>}
 */
export async function openLoad(checks, perSecond, forMs) {
  const results = [];
  const running = [];
  const startedAt = performance.now();
  let due = startedAt;
  for (;;) {
    due += (-Math.log(1 - Math.random()) / perSecond) * 1_000;
    if (due - startedAt >= forMs) break;
    while (performance.now() < due) await new Promise((resolve) => setImmediate(resolve));
    const check = checks[Math.floor(Math.random() * checks.length)];
    const from = performance.now();
    running.push(check().then((allowed) => results.push({ from, to: performance.now(), allowed })));
  }
  await Promise.all(running);
  return results;
}

/** Waits for the beginning of a window of the calendar. */
export async function windowStart(windowMs) {
  const leftMs = windowMs - (Date.now() % windowMs);
  await new Promise((resolve) => setTimeout(resolve, leftMs + 1));
}

/**
 * By how many permits the worst interval exceeds burst + r · w. An admission counts in an interval only if it lies in it
 * for certain.
 *
 * @param {readonly Checked[]} checked
 */
export function worstExcess(checked, { limit, windowMs, burst = limit }) {
  const byEnd = checked.filter(({ allowed }) => allowed).sort((one, other) => one.to - other.to);
  let worst = Number.NEGATIVE_INFINITY;
  for (const { from } of byEnd) {
    let total = 0;
    for (const { from: began, to } of byEnd) {
      if (began < from) continue;
      total += 1;
      worst = Math.max(worst, total - burst - (limit * (to - from)) / windowMs);
    }
  }
  return worst;
}

/** Commands that Redis has run since it was last asked, those inside scripts included. */
export async function commandsRun(store) {
  const [text] = await store.execute([
    ['INFO', 'commandstats'],
    ['CONFIG', 'RESETSTAT'],
  ]);
  const counts = [...String(text).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
  return counts
    .filter(([, name]) => !/^(info|config|ping|client|hello)/.test(name))
    .reduce((sum, [, , calls]) => sum + Number(calls), 0);
}

export function median(numbers) {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}
