import type { Browser, BrowserContextOptions, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildIfNeeded, type NextServer, startNext } from '../../cli/next-server.ts';
import type { CircuitSnapshot } from '../../lib/resilience/circuit.ts';
import { frameTimes, openPage, screenshot, seriousIssues, startBrowser } from '../support/browser.ts';
import { busyMinutes } from '../support/busy-minutes.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeConsole, startFakeConsole } from '../support/fake-console.ts';
import { CLOSED, look, openedAt } from '../support/looks.ts';
import { freePort } from '../support/next-app.ts';

const SECRET = 'a-secret-of-tests-that-nobody-has-to-keep';
const DEMO = {
  outage: 'ok',
  keys: [
    { label: 'roomy', key: 'bw_live_roomy', says: '60 requests a minute' },
    { label: 'tight', key: 'bw_live_tight', says: '10 requests a minute' },
  ],
} as const;
const ENDS_AT = 1_800_000_000_000;

let servers: NextServer[];
let browser: Browser;
/** In front of an application that the demo started, and of one that asks for a key. */
let demo: FakeConsole;
let keyed: FakeConsole;
let off: NextServer;

beforeAll(async () => {
  await buildIfNeeded({ print: console.log });
  const start = async (env: Readonly<Record<string, string>>) =>
    startNext({ port: await freePort(), env: { KV_STORE: 'memory', ...env } });
  const ofDemo = { BREAKWATER_DEMO_TOKEN: SECRET, BREAKWATER_DEMO_SECRET: SECRET };
  servers = [
    await start({ ...ofDemo, BREAKWATER_DEMO_CONTROL: 'http://127.0.0.1:9' }),
    await start({ BREAKWATER_CONSOLE: 'on' }),
    await start({}),
  ];
  const [first, second, third] = servers;
  if (!first || !second || !third) throw new Error('they have not started');
  off = third;
  [demo, keyed, browser] = await Promise.all([
    startFakeConsole(first.url),
    startFakeConsole(second.url),
    startBrowser(),
  ]);
}, 180_000);

afterAll(async () => {
  await browser.close();
  await Promise.all([demo.stop(), keyed.stop()]);
  await Promise.all(servers.map((server) => server.stop()));
});

const word = (page: Page, state: string) => page.locator('.state-word', { hasText: new RegExp(`${state}$`) });

/** The demo, with five minutes to show. */
async function busy(options: BrowserContextOptions = {}, endsOpen = false) {
  demo.answer = undefined;
  demo.history = busyMinutes(ENDS_AT, { demo: DEMO, endsOpen });
  const watched = await openPage(browser, demo.url, options);
  await word(watched.page, endsOpen ? 'OPEN' : 'CLOSED').waitFor();
  return watched;
}

describe('five minutes on the page', () => {
  it.each([
    ['light', 1280, false],
    ['dark', 1280, false],
    ['light', 360, false],
    ['dark', 360, false],
    ['light', 1280, true],
    ['dark', 360, true],
  ] as const)(
    'have no serious issue of accessibility: %s, %i px wide, open: %s',
    async (colorScheme, width, isOpen) => {
      const { page, complaints } = await busy({ colorScheme, viewport: { width, height: 900 } }, isOpen);
      expect(await seriousIssues(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      await screenshot(page, `console-${isOpen ? 'open' : 'closed'}-${width}-${colorScheme}`);
      expect(complaints).toEqual({ ofThePage: [], ofRequests: [] });
      await page.close();
    },
  );

  it('are drawn anew each second without a frame that is late', async () => {
    const { page } = await busy();
    const later = busyMinutes(ENDS_AT + 5_000, { demo: DEMO }, 305).slice(-5);
    let sent = 0;
    const timer = setInterval(() => {
      const next = later[sent++];
      if (next) demo.look(next);
    }, 1_000);
    const times = await frameTimes(page, 5_000);
    clearInterval(timer);
    console.log(`Frames with 300 looks: median ${times.median} ms, p95 ${times.p95} ms, longest ${times.longest} ms`);
    // 16.7 ms are 60 a second; a machine that is busy otherwise has fewer.
    expect(times.median).toBeLessThan(40);
    await page.close();
  });

  it('say in words what the charts show', async () => {
    const { page } = await busy({}, true);
    await page
      .getByText(
        /^Redis is not answering\. Limits are counted locally; 2 of 3 known keys pass from cache\. Next probe in \d+ s\.$/,
      )
      .waitFor();
    await page
      .getByRole('img', {
        name: /^Requests per second in the last 60 seconds\. Now allowed 0, degraded \d+, limited \d+/,
      })
      .waitFor();
    await page
      .getByRole('img', { name: /^Circuit of the middleware in the last five minutes: opened once, now OPEN/ })
      .waitFor();
    await page.close();
  });

  it('keep every row of the table in its place while its numbers change', async () => {
    const { page } = await busy();
    const names = () => page.locator('.accounts tbody th').allTextContents();
    const before = await names();
    const last = demo.history.at(-1);
    if (!last?.middleware) throw new Error('there is no look');
    const turned = last.middleware.busiest.toReversed().map((account) => ({ ...account, at: ENDS_AT + 1_000 }));
    demo.look({ ...last, at: ENDS_AT + 1_000, middleware: { ...last.middleware, busiest: turned } });
    demo.look({
      ...last,
      at: ENDS_AT + 2_000,
      middleware: { ...last.middleware, busiest: turned, circuit: last.handler.circuit },
    });
    await page.getByText('Waiting').waitFor({ state: 'detached' });
    expect(await names()).toEqual(before);
    expect(before).toHaveLength(5);
    await page.close();
  });
});

describe('a page that somebody has made small, or in colours of his own', () => {
  it.each([320, 360, 720])('is no wider than %i px in any state of the circuit', async (width) => {
    demo.answer = undefined;
    const { page } = await busy({ viewport: { width, height: 900 } });
    const last = demo.history.at(-1);
    if (!last?.middleware) throw new Error('there is no look');
    for (const [at, state, name] of [
      [1_000, 'HALF_OPEN', 'HALF OPEN'],
      [2_000, 'OPEN', 'OPEN'],
    ] as const) {
      const circuit = { ...last.middleware.circuit, state };
      demo.look({ ...last, at: ENDS_AT + at, middleware: { ...last.middleware, circuit } });
      await word(page, ` ${name}`).waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      await screenshot(page, `console-${state.toLowerCase().replace('_', '-')}-${width}-light`);
    }
    await page.close();
  });

  it('shows which outage is on in forced colours, too', async () => {
    const { page } = await busy({ forcedColors: 'active' });
    const background = (name: string) =>
      page.getByRole('button', { name, exact: true }).evaluate((button) => getComputedStyle(button).backgroundColor);
    expect(await background('Give it back')).not.toBe(await background('Kill'));
    await screenshot(page, 'console-closed-1280-forced-colours');
    await page.close();
  });
});

describe('a page with little to show', () => {
  it('says that it waits, until there is something', async () => {
    demo.answer = 'silent';
    const { page } = await openPage(browser, demo.url);
    await page.getByText('Waiting for the first look at the application.').waitFor();
    expect(await page.getByRole('button', { name: 'Send 1' }).isDisabled()).toBe(true);
    expect(await seriousIssues(page)).toEqual([]);
    await screenshot(page, 'console-loading-1280-light');
    await page.close();
  });

  it('says what will be where nothing has happened yet', async () => {
    demo.answer = undefined;
    demo.history = [look(ENDS_AT, {}, DEMO), look(ENDS_AT + 1_000, {}, DEMO)];
    const { page } = await openPage(browser, demo.url);
    await page.getByText('No requests in the last minute.').waitFor();
    await page.getByText('Nobody yet. A key or an address appears here with its first request.').waitFor();
    await page.getByText('Nothing has happened yet.').waitFor();
    expect(await seriousIssues(page)).toEqual([]);
    await screenshot(page, 'console-empty-1280-light');
    await page.close();
  });

  it('asks for each look where the stream does not come through, and says so', async () => {
    demo.history = [look(ENDS_AT, {}, DEMO)];
    demo.answer = 'silent';
    const { page } = await openPage(browser, demo.url);
    await page.getByText('The stream does not come through, so the page asks for each look.').waitFor();
    await word(page, 'CLOSED').waitFor();
    demo.answer = undefined;
    await page.close();
  });
});

describe('a page that has lost its server', () => {
  it('says since when, keeps what it has, and comes back by itself, without an error of its own', async () => {
    const { page, complaints } = await busy();
    await page.getByRole('button', { name: 'Refuse' }).focus();
    await demo.stop();
    await page.getByText('Disconnected.').waitFor();
    await page.getByText(/^Disconnected\. The server .+ What you see is from \d\d:\d\d:\d\d\./).waitFor();
    expect(await word(page, 'CLOSED').isVisible()).toBe(true);
    expect(await page.getByRole('button', { name: 'Refuse' }).isDisabled()).toBe(true);
    expect(await seriousIssues(page)).toEqual([]);
    await screenshot(page, 'console-disconnected-1280-light');
    await demo.start();
    await page.getByText('Disconnected.').waitFor({ state: 'detached' });
    await page.getByRole('log').getByText('The page has found the server again.').waitFor();
    // A control that cannot be used for a while keeps the focus of who works with it.
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Refuse');
    expect(complaints.ofThePage).toEqual([]);
    await page.close();
  });
});

describe('an outage that is taken back in haste', () => {
  it('ends with probes all the same: what was sent meanwhile may open the circuit after it', async () => {
    const { page } = await busy();
    const held: Route[] = [];
    let isHolding = true;
    let probes = 0;
    await page.route('**/api/demo/outage', (route) => route.fulfill({ status: 200, body: '' }));
    await page.route('**/api/whoami', async (route) => {
      if (isHolding) return void held.push(route);
      probes++;
      await route.fulfill({ status: 200, body: '' });
    });
    await page.getByRole('button', { name: 'Refuse' }).press('Enter');
    await eventually(() => held.length === 5);
    await Promise.all([
      page.waitForResponse('**/api/demo/outage'),
      page.getByRole('button', { name: 'Give it back' }).press('Enter'),
    ]);
    const last = demo.history.at(-1);
    if (!last?.middleware) throw new Error('there is no look');
    const { middleware } = last;
    const seen = (at: number, circuit: CircuitSnapshot) =>
      demo.look({ ...last, at: ENDS_AT + at, middleware: { ...middleware, at: ENDS_AT + at, circuit } });
    seen(1_000, openedAt(ENDS_AT + 900));
    await word(page, 'OPEN').waitFor();
    isHolding = false;
    for (const route of held) await route.fulfill({ status: 503, body: '' });
    // A look each second, as long as it takes.
    let at = 2_000;
    await eventually(() => {
      if (probes > 0) return true;
      at += 1_000;
      seen(at, { ...CLOSED, state: 'HALF_OPEN' });
      return false;
    });
    seen(at + 1_000, CLOSED);
    await word(page, 'CLOSED').waitFor();
    await page.close();
  });
});

describe('a console that is protected by a key', () => {
  it('asks for it, says why one is refused, and shows the panels for another', async () => {
    keyed.answer = 403;
    const { page, complaints } = await openPage(browser, keyed.url);
    expect(keyed.asked).toEqual([]);
    expect(await seriousIssues(page)).toEqual([]);
    await screenshot(page, 'console-key-1280-light');
    await page.getByLabel('API key with the scope admin').fill('bw_live_reader');
    await page.keyboard.press('Enter');
    await page.getByText('That key is valid, and has not the scope admin.').waitFor();
    keyed.answer = undefined;
    keyed.history = busyMinutes(ENDS_AT, { demo: null });
    await page.getByLabel('API key with the scope admin').fill('bw_live_admin');
    await page.keyboard.press('Enter');
    await word(page, 'CLOSED').waitFor();
    expect(keyed.asked.map(({ authorization }) => authorization)).toEqual([
      'Bearer bw_live_reader',
      'Bearer bw_live_admin',
    ]);
    expect(complaints.ofThePage).toEqual([]);
    expect(await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie])).toEqual([
      0,
      0,
      '',
    ]);
    expect(await page.content()).not.toContain('bw_live_');
    await page.close();
  });

  it('has the key nowhere in the document, while it is typed neither', async () => {
    const { page } = await openPage(browser, keyed.url);
    await page.getByLabel('API key with the scope admin').fill('bw_live_typed');
    expect(await page.content()).not.toContain('bw_live_typed');
    await page.close();
  });

  it('sends nothing that no header takes, and says what it is', async () => {
    const { page } = await openPage(browser, keyed.url);
    const before = keyed.asked.length;
    await page.getByLabel('API key with the scope admin').fill('bw_live_\u200bpasted');
    await page.keyboard.press('Enter');
    await page.getByText('That is no valid key.').waitFor();
    expect(keyed.asked).toHaveLength(before);
    await page.close();
  });

  it('shows no panels before the key is taken, and leaves the focus where another one is typed', async () => {
    const { page } = await openPage(browser, keyed.url);
    const field = page.getByLabel('API key with the scope admin');
    const hasFocus = () => field.evaluate((element) => element === document.activeElement);
    await page.evaluate(() => {
      const seen = () => document.querySelector('.sheet') && document.body.setAttribute('data-seen', '');
      new MutationObserver(seen).observe(document.body, { childList: true, subtree: true });
    });
    keyed.answer = 503;
    await field.fill('bw_live_unsure');
    await page.keyboard.press('Enter');
    await page.getByText('The server has not answered that yet. The page goes on asking.').waitFor();
    keyed.answer = 401;
    await page.getByText('That is no valid key.').waitFor();
    expect(await hasFocus()).toBe(true);
    expect(await page.locator('[data-seen]').count()).toBe(0);
    keyed.answer = undefined;
    keyed.history = busyMinutes(ENDS_AT, { demo: null });
    await page.keyboard.type('bw_live_admin');
    await page.keyboard.press('Enter');
    await word(page, 'CLOSED').waitFor();
    keyed.answer = 401;
    await keyed.stop();
    await keyed.start();
    await page.getByText('That is no valid key.').waitFor();
    expect(await hasFocus()).toBe(true);
    expect(await page.locator('.sheet').count()).toBe(0);
    keyed.answer = undefined;
    await page.close();
  });

  it('has no controls of the demo', async () => {
    const html = await (await fetch(keyed.url)).text();
    expect(html).not.toMatch(/Break it|Black hole|Send 1/);
  });
});

describe('an application without a console', () => {
  it('says that it is off, and how to switch it on, and asks for nothing', async () => {
    const { page, complaints } = await openPage(browser, off.url);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.getByText('The console is off.').waitFor();
    await page.getByText('BREAKWATER_CONSOLE=on').waitFor();
    expect(await seriousIssues(page)).toEqual([]);
    await screenshot(page, 'console-off-1280-light');
    expect(asked.filter((url) => url.includes('/api/'))).toEqual([]);
    expect(complaints).toEqual({ ofThePage: [], ofRequests: [] });
    await page.close();
  });
});

it('leaves nothing open when its pages are closed', async () => {
  await eventually(() => demo.streams() === 0 && keyed.streams() === 0);
});
