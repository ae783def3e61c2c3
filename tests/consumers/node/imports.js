// Imports every subpath that the package exports, and prints which of them could not be loaded, for want of what, and what
// importing has changed in this process.
import { readFile } from 'node:fs/promises';

const BUILT_IN = [Object, Function, Array, Map, Promise, Error, Request, Response, Headers, String, Number, Symbol];
const state = () => ({
  globals: Reflect.ownKeys(globalThis).map(String),
  prototypes: BUILT_IN.flatMap((one) => [one, one.prototype]).flatMap((one) => Reflect.ownKeys(one).map(String)),
  listeners: process.eventNames().map((name) => `${String(name)} ${process.listenerCount(name)}`),
  timers: process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout' || kind === 'Immediate'),
});

const manifest = JSON.parse(await readFile('node_modules/breakwater/package.json', 'utf8'));
// Made by Node when it is first looked at.
state();
const before = state();
const missing = {};
for (const [subpath, { default: file }] of Object.entries(manifest.exports)) {
  if (file === undefined) continue;
  try {
    await import(`breakwater${subpath.slice(1)}`);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    missing[subpath] = /package '([^']+)'/.exec(error.message)?.[1] ?? error.message;
  }
}
const after = state();
const changed = Object.keys(before).filter((what) => String(before[what]) !== String(after[what]));
console.log(JSON.stringify({ missing, changed }));
