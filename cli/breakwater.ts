#!/usr/bin/env node
import { dispatch } from './dispatch.ts';
import { processIo } from './process-io.ts';

const { stdin, stdout, stderr, env } = process;
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
stdout.once('error', ({ code }: NodeJS.ErrnoException) => {
  // Whoever reads has had enough, as head has: that is no failure. A full disk is one: a new key may have been lost there.
  if (code === 'EPIPE') return;
  process.exitCode ||= 1;
  stderr.write(`Standard output could not be written (${code}): what was printed there is lost\n`);
});
for (const output of [stdout, stderr]) output.on('error', () => undefined);
const status = await dispatch(process.argv.slice(2), processIo({ stdin, stdout, stderr, env, stop: stop.signal }));
process.exitCode ||= status;
