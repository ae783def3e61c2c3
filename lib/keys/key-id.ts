import { randomBase62 } from '../client/crypto.ts';

const ID = /^key_[0-9A-Za-z]{16}$/;

/** A new id, by which a key is managed. It is no secret, and stays when the key is rotated. */
export function newKeyId(): string {
  return `key_${randomBase62(16)}`;
}

/** Whether `text` can be the id of a key. What is none is never sent anywhere: it may be a key with a typing error. */
export function isKeyId(text: string): boolean {
  return ID.test(text);
}
