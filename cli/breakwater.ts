#!/usr/bin/env node
import { dispatch } from './dispatch.ts';
import { firstLine } from './standard-input.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
process.exitCode = await dispatch(process.argv.slice(2), {
  print: (line) => console.log(line),
  complain: (line) => console.error(line),
  readLine: () => firstLine(process.stdin, stop.signal),
  env: process.env,
  stop: stop.signal,
});
