#!/usr/bin/env node
import { dispatch } from './dispatch.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
process.exitCode = await dispatch(process.argv.slice(2), {
  print: (line) => console.log(line),
  complain: (line) => console.error(line),
  stop: stop.signal,
});
