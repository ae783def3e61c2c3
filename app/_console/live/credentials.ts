/** What the console shows to its server, in a header that no browser sends by itself. Kept in memory only. */
export type Credentials =
  | { readonly kind: 'demo'; readonly token: string }
  /** An API key with the scope `admin`. */
  | { readonly kind: 'key'; readonly key: string };

export function headersOf(credentials: Credentials): Readonly<Record<string, string>> {
  return credentials.kind === 'demo'
    ? { 'x-breakwater-demo': credentials.token }
    : { authorization: `Bearer ${credentials.key}` };
}
