// Imports every subpath that the package exports, and prints which of them could not be loaded, and for want of what.
import { readFile } from 'node:fs/promises';

const manifest = JSON.parse(await readFile('node_modules/breakwater/package.json', 'utf8'));
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
console.log(JSON.stringify(missing));
