// node scripts/count-tests.mjs <vitest's JSON report>: prints `<N> passed, <M> failed`; exit 1 on a failure, or when nothing ran.
import { readFile } from 'node:fs/promises';

const report = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8'));
// A file that could not be loaded has no tests to count, and fails as one.
const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
const failed = report.numFailedTests + broken.length;
const skipped = report.numPendingTests + report.numTodoTests;
if (skipped > 0) console.log(`${skipped} skipped`);
console.log(`${report.numPassedTests} passed, ${failed} failed`);
process.exitCode = report.success && failed === 0 && report.numPassedTests > 0 ? 0 : 1;
