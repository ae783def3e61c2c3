import { execFile } from 'node:child_process';

const GIT_MS = 2_000;

/** Which of these files of a folder git has, committed or about to be. None without git, or outside of a repository. */
export function trackedFiles(folder: string, names: readonly string[]): Promise<ReadonlySet<string>> {
  if (names.length === 0) return Promise.resolve(new Set());
  return new Promise((resolve) => {
    const options = { cwd: folder, timeout: GIT_MS, windowsHide: true };
    execFile('git', ['ls-files', '-z', '--', ...names.map((name) => `./${name}`)], options, (error, listed) =>
      resolve(new Set(error ? [] : listed.split('\0').filter(Boolean))),
    );
  });
}
