import { randomBytes } from 'node:crypto';
import type { KvClient } from '../lib/client/kv-client.ts';
import { EXTRA_REQUESTS, type Load, runLoad } from './bench/load.ts';
import { BENCH_TTL_MS, createMeasures, type Measure } from './bench/measures.ts';
import { type Row, reportLines, rowOf } from './bench/report.ts';
import { type CliCommand, type CommandIo, declareCommand } from './command.ts';
import { JSON_OPTION, whole } from './option.ts';
import { REDIS_ENVIRONMENT } from './redis-environment.ts';
import { withKv } from './redis-session.ts';

/** Terminals cannot show more, and nobody could read it. */
const PROGRESS_MS = 100;

interface BenchOptions {
  readonly seconds: number;
  readonly concurrency: number;
  readonly requests: number;
  readonly json: boolean;
}

/** How quickly the Redis of the environment answers from here. */
export const bench: CliCommand = declareCommand({
  name: 'bench',
  summary: 'Measure how quickly Redis answers from this machine',
  description:
    'Measures the round trips of a PING, a GET, several GETs in one request, a limit check and a guarded request, from this machine to the Redis that the environment names, through the client that applications have: what runs at the same time may share a request. Says first how many commands of the plan that takes. What it writes has a namespace of its own, and ends by itself within a minute.',
  options: {
    seconds: whole('count', 'how long for each measure at most; 3 without it', { from: 1, to: 30, initial: 3 }),
    requests: whole('count', 'calls for each measure at most; 500 without it', { from: 1, to: 100_000, initial: 500 }),
    concurrency: whole('count', 'calls at the same time; 1 without it', { from: 1, to: 256, initial: 1 }),
    json: JSON_OPTION,
  },
  examples: [
    ['bench', 'what one request after another takes'],
    ['bench --concurrency 32 --requests 5000', 'under load'],
    ['bench --json > before.json', 'to be compared later'],
  ],
  environment: REDIS_ENVIRONMENT,
  statuses: { 1: 'Redis could not be asked, or it was stopped: what it has measured by then is printed' },
  run: ({ options }, io) =>
    withKv(
      io,
      {
        changes: false,
        // A GET that others wait for too would be measured as often as they do.
        client: ({ namespace }) => ({ namespace: `${namespace}bench:${randomName()}:`, coalesce: false }),
      },
      (kv) => measureAll(kv, options, io),
    ),
});

async function measureAll(kv: KvClient, options: BenchOptions, io: CommandIo): Promise<number> {
  // Each failure is to be seen as what it is.
  kv.circuit.force('DISABLED');
  const measures = createMeasures(kv);
  if (!options.json) io.complain(planNote(measures, options));
  const rows: Row[] = [];
  for (const measure of measures) {
    if (io.stop.aborted) break;
    rows.push(rowOf(measure.name, await measured(measure, kv, options, io)));
  }
  io.progress?.('');
  const stopped = io.stop.aborted;
  const { seconds, concurrency, requests } = options;
  if (options.json) {
    io.print(JSON.stringify({ store: kv.storeKind, seconds, requests, concurrency, stopped, measures: rows }));
  } else {
    for (const line of reportLines(rows)) io.print(line);
  }
  if (stopped) io.complain(`Stopped. What was written ends by itself within ${BENCH_TTL_MS / 1_000} s`);
  return stopped ? 1 : 0;
}

function measured(measure: Measure, { clock }: KvClient, options: BenchOptions, io: CommandIo): Promise<Load> {
  const { seconds, concurrency, requests, json } = options;
  let shownAt = Number.NEGATIVE_INFINITY;
  return runLoad(measure, {
    ...{ clock, concurrency, requests, stop: io.stop, forMs: seconds * 1_000 },
    onProgress(calls) {
      if (json || clock.monotonic() - shownAt < PROGRESS_MS) return;
      shownAt = clock.monotonic();
      io.progress?.(`${measure.name}: ${calls} of at most ${requests}`);
    },
  });
}

function planNote(measures: readonly Measure[], { seconds, requests }: BenchOptions): string {
  const commands = measures.reduce((sum, one) => sum + one.commands * (requests + EXTRA_REQUESTS), 0);
  return `Takes at most about ${commands} commands of the plan, and ${measures.length * seconds} s. Stop with Ctrl+C.`;
}

function randomName(): string {
  return randomBytes(8).toString('hex');
}
