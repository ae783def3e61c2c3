import { isCloudflareWorker } from './shared-requests.ts';

/** Tells a platform of work that outlives its request. */
export type WaitUntil = (work: Promise<unknown>) => void;

const NEXT: unique symbol = Symbol.for('@next/request-context');

interface Platform {
  readonly process?: { getBuiltinModule?(id: string): { readonly waitUntil?: WaitUntil } | undefined };
  /** What platforms give to Next for its `after`. */
  readonly [NEXT]?: { get(): { readonly waitUntil?: WaitUntil } | undefined };
}

/**
 * What keeps the request of this moment awake, where the platform says so by itself: Cloudflare's workers with
 * `nodejs_compat`, and Next where it is hosted by functions. Asked for each work, since it belongs to a request.
 */
export function platformWaitUntil(): WaitUntil | undefined {
  const platform = globalThis as Platform;
  // Not imported by its name: other platforms, and bundlers, know no such module.
  if (isCloudflareWorker()) return platform.process?.getBuiltinModule?.('cloudflare:workers')?.waitUntil;
  return platform[NEXT]?.get()?.waitUntil;
}
