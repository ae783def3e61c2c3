import { ConfigError } from '../errors.ts';

/** What a secret is good for: the application's own word, kept as it is in names of keys. @throws ConfigError */
export function checkPurpose(purpose: string): string {
  // An expression would take what is missing for the word "undefined".
  if (typeof purpose === 'string' && /^[\w.-]{1,64}$/.test(purpose)) return purpose;
  throw new ConfigError('purpose', 'must be 1 to 64 letters, digits, dots, hyphens and underscores');
}
