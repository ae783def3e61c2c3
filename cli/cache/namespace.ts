import { isNamespace } from '../../lib/cache/namespaces.ts';
import { Failure } from '../failure.ts';

/** The one namespace that is named, if any. @throws Failure for what is none */
export function readNamespace([namespace, ...others]: readonly string[]): string | undefined {
  if (others.length > 0) throw new Failure(2, 'There is an argument too many');
  if (namespace !== undefined && !isNamespace(namespace)) {
    throw new Failure(2, 'NAMESPACE must be 1 to 64 letters, digits, dots, dashes or underscores');
  }
  return namespace;
}

export const NO_SUCH_CACHE = 'No cache of that name has ever written there';
