interface Runtime {
  readonly navigator?: { readonly userAgent?: string };
  readonly EdgeRuntime?: string;
}

/**
 * Who may share requests to a store: all in this isolate, unless the runtime lets no incoming request wait for what another
 * one has begun. Cloudflare's workers, and the Edge of Vercel which is made of them, end it as hung instead.
 */
export function allowedSharing(): 'isolate' | 'request' {
  return isCloudflareWorker() || (globalThis as Runtime).EdgeRuntime === 'vercel' ? 'request' : 'isolate';
}

export function isCloudflareWorker(): boolean {
  return (globalThis as Runtime).navigator?.userAgent === 'Cloudflare-Workers';
}
