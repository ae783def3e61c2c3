import { headers } from 'next/headers';
import { type ConsoleAccess, consoleAccess } from '../api/_console/access.ts';
import { ConfigError } from '../lib/errors.ts';
import { logMisconfiguration } from '../lib/log.ts';
import { About } from './_console/about.tsx';
import { Live } from './_console/live/live.tsx';
import { NoConsole } from './_console/no-console.tsx';
import { KeyForm } from './_console/panels/key-form.tsx';
import { Shell } from './_console/shell.tsx';

import './_console/styles/base.css';
import './_console/styles/sheet.css';
import './_console/styles/charts.css';
import './_console/styles/controls.css';

/** The console, for whom there is one. It is made for each request, since the demo writes its token into it. */
export default async function Page() {
  const given = await headers();
  const access = accessOf(given);
  if (access.mode === 'off' || access.mode === 'misconfigured') {
    return (
      <>
        <NoConsole why={access.mode} />
        <About origin={originOf(given)} isDemo={false} />
      </>
    );
  }
  const demoToken = access.mode === 'demo' ? access.token : undefined;
  return (
    <>
      <Live demoToken={demoToken}>
        {demoToken === undefined ? (
          <KeyForm>
            <Shell />
          </KeyForm>
        ) : (
          <Shell demoToken={demoToken} />
        )}
      </Live>
      <About origin={originOf(given)} isDemo={access.mode === 'demo'} />
    </>
  );
}

function accessOf(given: Headers): ConsoleAccess | { readonly mode: 'misconfigured' } {
  try {
    return consoleAccess(given);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    logMisconfiguration(error);
    return { mode: 'misconfigured' };
  }
}

/** For lines that somebody copies into a shell: nothing of a name that could be more than a name. */
function originOf(given: Headers): string {
  const host = given.get('host') ?? '';
  const isPlain = /^[\w.-]+(?::\d{1,5})?$|^\[[\da-f:]+\](?::\d{1,5})?$/i.test(host);
  const isSecure = given.get('x-forwarded-proto') === 'https';
  return `${isSecure ? 'https' : 'http'}://${isPlain ? host : 'localhost:3000'}`;
}
