export { frontDoor as proxy } from './front-door';

export const config = { matcher: ['/api/:path*'] };
