/**
 * The contract of the console's API (`/console/api`): who is signed in, and what page and Worker
 * must have in common. Plain data that the page, the Worker and the objects import. One file a
 * screen: now.ts, applications.ts, runs.ts, warmth.ts, settings.ts, trace.ts, and stream.ts for what
 * comes without being asked.
 *
 * Everywhere: times are epoch ms unless the name says otherwise, names of clients (applications,
 * runs, units, labels) are text of strangers and never markup, `after` is a cursor for the next page
 * and is absent on the last one. Errors have the form of the whole API
 * (`{ error: { code, message, param } }`). Fields are added and never changed.
 */

import type { NowView } from './now.ts';

/**
 * Rises when a page of one version cannot be shown by a Worker of another: a field changes its
 * meaning or goes. A mere addition does not raise it.
 */
export const CONSOLE_CONTRACT = 1;

/** The build that answers, as `SessionView.build`; the version in package.json. */
export const CONSOLE_BUILD = '0.1.0';

/** `admin`: all tenants, and may change things. `tenant`: its own one, and reads only. */
export type ConsoleRole = 'admin' | 'tenant';

/** `GET session?after=&first=now`: who is signed in. */
export interface SessionView {
  /** The Worker's `CONSOLE_CONTRACT`. */
  readonly contract: number;
  /** The Worker's build, for people. */
  readonly build: string;
  readonly role: ConsoleRole;
  /** How the audit log names the caller: the token's name, the start of its hash, or the key's id. */
  readonly name: string;
  /** Tenants that the caller may look at, by name; at most 1,000 a page. */
  readonly tenants: readonly string[];
  readonly after?: string;
  /** `POST demo-traffic` works here: in local development only. */
  readonly canGenerateTraffic: boolean;
  /**
   * With `first=now`, for a caller who may look at one tenant only: what `GET tenants/:t/now` answers, so
   * that the start of the page needs no second answer. Absent where it cannot be had.
   */
  readonly first?: NowView;
  /** The Worker's clock, by which the page judges ages. */
  readonly now: number;
}

/** `POST demo-traffic`; 404 where `canGenerateTraffic` is false. */
export interface DemoTrafficOrder {
  readonly action: 'start' | 'stop' | 'status';
}

export interface DemoTrafficView {
  readonly running: boolean;
  /** The tenant whose applications are played. */
  readonly tenant: string;
  /** Runs that were begun since the last start. */
  readonly runs: number;
}

/** What is wrong between a page and a Worker of other versions, and what to do; null for nothing. */
export function contractProblem(pageContract: number, workerContract: number): string | null {
  if (pageContract === workerContract) return null;
  return pageContract < workerContract
    ? 'This page is older than the service behind it. Reload the page.'
    : 'The service is older than this page: a deployment is under way, or an old one answers. Reload in a minute.';
}
