export { frontDoor as middleware } from './front-door';

export const config = { matcher: ['/api/:path*'] };
