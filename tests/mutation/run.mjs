// npm run mutation [-- folder …]: plants defects in the core one by one, and prints how many of them its tests notice.
// The report of a folder, survivors included, is tests/mutation/reports/<folder>.txt. Exit 1 below the score that is to be kept.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDERS = ['resilience', 'client', 'limit', 'keys'];
const LEAST = 80;
const NOTICED = new Set(['Killed', 'Timeout']);
const UNNOTICED = new Set(['Survived', 'NoCoverage']);

const here = fileURLToPath(new URL('.', import.meta.url));
const asked = process.argv.slice(2);

function planted(folder) {
  // A run that ends early must not be judged by the report of an earlier one.
  rmSync(`${here}reports/${folder}.json`, { force: true });
  const { status } = spawnSync(`${here}node_modules/.bin/stryker`, ['run', `${here}stryker.config.mjs`], {
    cwd: `${here}../..`,
    env: { ...process.env, MUTATED: folder },
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`The run for lib/${folder} failed`);
  const { files } = JSON.parse(readFileSync(`${here}reports/${folder}.json`, 'utf8'));
  return Object.entries(files).map(([name, { mutants, source }]) => ({ name, mutants, lines: source.split('\n') }));
}

const countOf = (mutants, statuses) => mutants.filter(({ status }) => statuses.has(status)).length;

function scoreOf(mutants) {
  const noticed = countOf(mutants, NOTICED);
  const all = noticed + countOf(mutants, UNNOTICED);
  return { noticed, all, percent: all === 0 ? 100 : (100 * noticed) / all };
}

function row(name, mutants) {
  const { noticed, all, percent } = scoreOf(mutants);
  return `${percent.toFixed(1).padStart(5)} %  ${`${noticed}/${all}`.padStart(10)}  ${name}`;
}

function survivors({ name, mutants, lines }) {
  return mutants
    .filter(({ status }) => UNNOTICED.has(status))
    .map(({ location: { start, end }, replacement, mutatorName, status }) => {
      const line = lines[start.line - 1] ?? '';
      const text =
        start.line === end.line ? line.slice(start.column - 1, end.column - 1) : `${line.slice(start.column - 1)} …`;
      return `${name}:${start.line} ${status} ${mutatorName}\n    ${text.trim()}\n  → ${replacement?.replace(/\s+/g, ' ').slice(0, 150)}`;
    });
}

const every = [];
for (const folder of asked.length > 0 ? asked : FOLDERS) {
  const files = planted(folder);
  const mutants = files.flatMap((file) => file.mutants);
  every.push(...mutants);
  writeFileSync(`${here}reports/${folder}.txt`, `${files.flatMap(survivors).join('\n')}\n`);
  console.log([row(`lib/${folder}`, mutants), ...files.map((file) => row(file.name, file.mutants))].join('\n'));
}
console.log(row('in all', every));
process.exitCode = scoreOf(every).percent >= LEAST ? 0 : 1;
