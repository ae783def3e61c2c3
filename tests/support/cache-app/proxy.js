/** Without one of its own the application would get that of the project around it. */
export function proxy() {}

export const config = { matcher: '/never' };
