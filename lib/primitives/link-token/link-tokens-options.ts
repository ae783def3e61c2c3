import type { KvClient } from '../../client/kv-client.ts';
import type { Unavailable } from '../unavailable.ts';

/** Settings of link tokens. Wrong ones throw a ConfigError. */
export interface LinkTokensOptions {
  readonly kv: KvClient;
  /** What the links are for: 1 to 64 letters, digits, dots, hyphens and underscores. A token is good for no other purpose. */
  readonly purpose: string;
  /** How long a link is good for, in milliseconds; a second to 30 days. */
  readonly ttlMs: number;
  /** Of a payload as JSON, in UTF-16 units; 65,536 at most. @default 4_096 */
  readonly maxPayloadLength?: number | undefined;
}

/** A token to send, this once; or `unavailable`. */
export type LinkIssue =
  /** 32 letters and digits, fit for a URL as they are; 190 bits. */
  { readonly status: 'issued'; readonly token: string; readonly expiresInMs: number } | Unavailable;

/** What a token stood for, once; `invalid` for one that is unknown, used or over. */
export type LinkRedemption<Payload> =
  /** Said once of each token. */
  | { readonly status: 'redeemed'; readonly payload: Payload }
  /** No token, or one of another purpose, past its end, or redeemed before. */
  | { readonly status: 'invalid' }
  /** With `mayHaveRun` the token may be used up. Never to be told as an invalid link. */
  | Unavailable;

/** Tokens of links that are good once: to log in, to confirm an address. Nothing here rejects because Redis is away. */
export interface LinkTokens<Payload> {
  /**
   * A new token for what `redeem` is to answer, as JSON; others are not concerned. Redis keeps the payload as it is, and of
   * the token a digest. One request. @throws ConfigError for a payload that is no JSON, or too large
   */
  issue(payload: Payload): Promise<LinkIssue>;
  /**
   * Uses a token up. Only ever for a POST: programs that look into mail follow links. One request, never sent twice; none
   * for what can be no token.
   */
  redeem(token: string): Promise<LinkRedemption<Payload>>;
  /** Whether a token could be redeemed now, for the page that the link leads to. Changes nothing. One request, or none. */
  exists(token: string): Promise<{ readonly status: 'exists' } | { readonly status: 'invalid' } | Unavailable>;
}
