#!/usr/bin/env node
import { dispatch } from './dispatch.ts';
import { processIo } from './process-io.ts';

const { stdin, stdout, stderr, env } = process;
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
// Whoever reads has had enough, as head has: that is no failure.
for (const output of [stdout, stderr]) output.on('error', () => undefined);
process.exitCode = await dispatch(process.argv.slice(2), processIo({ stdin, stdout, stderr, env, stop: stop.signal }));
