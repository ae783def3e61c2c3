'use client';

import type { BusyAccount } from '../../../lib/guard/metrics/snapshot.ts';
import { useLive } from '../live/live.tsx';
import type { AccountRow } from '../model/accounts.ts';
import { span, UNKNOWN, whole } from '../model/format.ts';
import { BASIS_WORDS } from '../model/words.ts';

/** The table is as high from the beginning: nothing below it jumps when somebody comes. */
const LEAST_ROWS = 5;

/** The busiest accounts, each in its place for as long as it is there. */
export function AccountsPanel() {
  const rows = useLive((state) => state.rows);
  const isLoaded = useLive((state) => state.look !== null);
  const spare = Math.max(0, LEAST_ROWS - rows.length);
  return (
    <>
      <table className="accounts">
        <thead>
          <tr>
            <th scope="col" className="who-head">
              Who
            </th>
            <th scope="col">Policy</th>
            <th scope="col" className="used-head">
              Used of limit
            </th>
            <th scope="col">Basis</th>
            <th scope="col" className="number">
              Retry after
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (row === null ? <SpareRow key={`free-${at}`} /> : <Row key={row.id} row={row} />))}
          {Array.from({ length: spare }, (_, at) => (
            <SpareRow key={`spare-${at}`} says={at === 0 && rows.length === 0 ? sayEmpty(isLoaded) : undefined} />
          ))}
        </tbody>
      </table>
      <p className="muted small">
        Basis: <b>store</b> {BASIS_WORDS.store} · <b>lease</b> {BASIS_WORDS.lease} · <b>local</b> {BASIS_WORDS.local} ·
        each as of its last request
      </p>
    </>
  );
}

function sayEmpty(isLoaded: boolean): string {
  return isLoaded
    ? 'Nobody yet. A key or an address appears here with its first request.'
    : 'Waiting for the first look.';
}

function Row({ row: { account, retryInMs } }: { readonly row: AccountRow }) {
  const { label, policy, limit, used, basis } = account;
  return (
    <tr className={retryInMs === null ? undefined : 'is-limited'}>
      <th scope="row" title={label}>
        {label}
      </th>
      <td>{policy}</td>
      <td className="used">
        <UsedBar account={account} />
        <span className="amount">
          {used === null ? UNKNOWN : whole(used)}/{whole(limit)}
        </span>
      </td>
      <td title={BASIS_WORDS[basis]}>{basis}</td>
      <td className="number">{retryInMs === null ? UNKNOWN : span(retryInMs)}</td>
    </tr>
  );
}

function UsedBar({ account: { used, limit } }: { readonly account: BusyAccount }) {
  const share = used === null || limit <= 0 ? 0 : Math.min(1, used / limit);
  return (
    <svg className="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect className="track" width="100" height="8" />
      <rect className="level" width={100 * share} height="8" />
    </svg>
  );
}

function SpareRow({ says }: { readonly says?: string | undefined }) {
  return (
    <tr className="spare">
      <td colSpan={5}>{says ?? '\u00a0'}</td>
    </tr>
  );
}
