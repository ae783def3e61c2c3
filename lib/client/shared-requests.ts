/**
 * Whether this runtime lets an incoming request wait for what another one has begun. Cloudflare's workers, and the Edge of
 * Vercel which is made of them, end it as hung instead.
 */
export function sharesAcrossRequests(): boolean {
  const { navigator, EdgeRuntime } = globalThis as {
    readonly navigator?: { readonly userAgent?: string };
    readonly EdgeRuntime?: string;
  };
  return navigator?.userAgent !== 'Cloudflare-Workers' && EdgeRuntime !== 'vercel';
}
