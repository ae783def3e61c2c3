export { createEdgeMiddleware, type EdgeMiddleware, type EdgeMiddlewareOptions } from './edge-middleware.ts';
export { CIRCUIT_HEADER } from './forward.ts';
