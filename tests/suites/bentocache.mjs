import { assert } from '@japa/assert';
import { configure, run } from '@japa/runner';
import { stop } from './running-stores.mjs';

configure({
  files: () => [new URL('./bentocache-drivers.mjs', import.meta.url)],
  plugins: [assert()],
  teardown: [stop],
});
await run();
