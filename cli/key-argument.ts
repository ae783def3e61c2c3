/** The variable that a key is taken from. */
export const KEY_VARIABLE = 'BREAKWATER_API_KEY';

/** What is said of an argument that holds a key, or may be one. */
export const NO_KEY_IN_ARGUMENTS: string = `A key is never an argument, which everybody on this machine can see: give its id, key_…, or the key itself on standard input with -, or in ${KEY_VARIABLE} with --from-env`;

const KEY = /[a-z][a-z0-9]{0,15}_[a-z][a-z0-9]{0,15}_[0-9a-z]{32,}/i;

/** Whether something in `text` looks like a key, of this prefix or another, also one with a typing error. */
export function mayHoldKey(text: string): boolean {
  return KEY.test(text);
}
