import { isNamespace } from '../../lib/cache/namespaces.ts';
import { Failure } from '../failure.ts';

/** The namespace that is named, if any. @throws Failure for what is none */
export function readNamespace([namespace]: readonly string[]): string | undefined {
  if (namespace === undefined || isNamespace(namespace)) return namespace;
  throw new Failure(2, 'NAMESPACE must be 1 to 64 letters, digits, dots, dashes or underscores');
}

export const NO_SUCH_CACHE = 'No cache of that name has ever written there';
