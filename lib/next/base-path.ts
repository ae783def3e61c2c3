/** What Next hands to its middleware, as far as it matters here. */
type NextRequest = Request & { readonly nextUrl?: { readonly basePath?: string; readonly pathname?: string } };

/**
 * The `basePath` of the application, which Next leaves in the URL that its middleware sees and takes out of the one that
 * handlers see; empty without one, and for a request that is not Next's.
 */
export function basePathOf(request: NextRequest): string {
  return request.nextUrl?.basePath ?? '';
}

/** The path of a request as Next's `matcher` has it: without the base path, and without a locale of its `i18n`. */
export function pathWithin(request: NextRequest): string {
  return request.nextUrl?.pathname ?? new URL(request.url).pathname;
}
