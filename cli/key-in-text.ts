const KEY = /[a-z][a-z0-9]{0,15}_[a-z][a-z0-9]{0,15}_[0-9a-z]{32,}/i;

/** Whether something in `text` looks like a key, of this prefix or another, also one with a typing error. */
export function mayHoldKey(text: string): boolean {
  return KEY.test(text);
}
