import { admit } from '../_console/admission.ts';
import { look } from '../_console/look.ts';
import { isOwnRequest } from '../_console/own-server.ts';

/**
 * One look at the application, a `ConsoleSnapshot`: for keys with the scope `admin` where BREAKWATER_CONSOLE is on, for the
 * page of the demo, and for the stream of this process. 404 where there is no console.
 */
export async function GET(request: Request): Promise<Response> {
  const leave = (await isOwnRequest(request.headers)) || (await admit(request));
  if (leave instanceof Response) return leave;
  return Response.json(await look(request), { headers: { 'cache-control': 'no-store' } });
}
