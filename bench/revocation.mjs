import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeBundle } from './node-bundle.mjs';

/** What a process uses without asking, as by default: 10 s. */
const FRESH_MS = 10_000;
/** Instead of 300 s, which nobody wants to wait for; no multiple of the other, so that answers end at all ages of entries. */
const ENTRY_TTL_MS = 22_000;
const STALE_MS = 20_000;
const FACES = ['validate', 'open', 'leased'];

/**
 * How long a revoked key goes on working: milliseconds from the return of `revoke` to the beginning of the last validation
 * that was VALID, at worst of all keys. In the process that revokes, and in four others that validate the keys all the
 * time; with the records in the Redis and in a source; and where Redis does not hear of it, in which case time is counted
 * from when the revocation is on record, for `revoke` returns when it has given up. In real time.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  const scale = quick ? 0.02 : 1;
  const [freshMs, entryTtlMs, staleIfErrorMs] = [FRESH_MS, ENTRY_TTL_MS, STALE_MS].map((ms) => Math.ceil(scale * ms));
  const times = { entryTtlMs, freshMs, staleIfErrorMs, delayMs: 20 };
  const rounds = { rounds: quick ? 50 : 200, atOnce: quick ? 50 : 200, pauseMs: quick ? 30 : 200 };
  const unheardMs = entryTtlMs + freshMs;
  /** How, where, within which time at random, and what is promised. */
  const cases = [
    ['on record in the Redis', 'random', 'redis', freshMs, freshMs],
    ['on record in a source', 'random', 'source', freshMs, freshMs],
    ['tombstone not written', 'apart', 'source', unheardMs, unheardMs],
    ['nobody can be asked either', 'alone', 'source', 0, Math.max(freshMs, staleIfErrorMs)],
  ];
  const [driver, program] = await Promise.all(
    ['tests/support/revocation-race.ts', 'tests/support/revocation-process.ts'].map(nodeBundle),
  );
  const { startRace } = await import(driver.path);
  const race = await startRace(program.path);
  const rows = [];
  console.log(
    `freshMs ${freshMs}, entryTtlMs ${entryTtlMs}, staleIfErrorMs ${staleIfErrorMs}; last valid after, in ms\n`,
  );
  console.log(`${''.padEnd(28)}same process   asking Redis   others at worst   promised`);
  try {
    for (const [what, kind, place, spreadMs, promisedMs] of cases) {
      const outcome = await race[kind]({ ...times, place }, { ...rounds, spreadMs, watchMs: 1.1 * promisedMs });
      const { own, others, sinceRecord, validAfter, validations } = outcome;
      const worst = (lateness, faces) => Math.max(...faces.map((face) => lateness[face]));
      const counted = kind === 'random' ? others : sinceRecord;
      const othersMs = worst(counted, FACES);
      const row = { what, promisedMs, othersMs, askingMs: counted.limited, validAfterInSameProcess: validAfter.own };
      rows.push({ ...row, own, others, sinceRecord, ...{ rounds: outcome.rounds, validations } });
      const cells = [
        (validAfter.own === 0 ? 'none' : 'some').padStart(12),
        shown(counted.limited).padStart(15),
        shown(othersMs).padStart(18),
        String(promisedMs).padStart(11),
      ];
      console.log(what.padEnd(28) + cells.join(''));
    }
  } finally {
    await race.stop();
    await Promise.all([driver.remove(), program.remove()]);
  }
  await writeFile(join(results, 'revocation.json'), `${JSON.stringify({ ...times, rows }, null, 2)}\n`);
}

/** Nothing that began after the revocation was valid. */
function shown(ms) {
  return ms > 0 ? ms.toFixed(0) : 'none';
}
