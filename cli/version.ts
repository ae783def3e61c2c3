import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The version of the package that this file is in, compiled or not. */
export function packageVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const found: unknown = JSON.parse(readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8'));
      const { name, version } = found as { readonly name?: unknown; readonly version?: unknown };
      if (name === 'breakwater' && typeof version === 'string') return version;
    } catch {
      // Not there: a compiled file is one folder deeper.
    }
  }
  return 'unknown';
}
