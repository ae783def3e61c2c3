import { isSameSecret } from '../client/crypto.ts';

/** Whether a request shows `secret` as its bearer token. In a time that says nothing of how much of it was right. */
export async function isSecretShown(request: Request, secret: string): Promise<boolean> {
  const shown = /^bearer +([ -~]{1,1024})$/i.exec(request.headers.get('authorization') ?? '')?.[1] ?? '';
  return isSameSecret(shown, secret);
}
