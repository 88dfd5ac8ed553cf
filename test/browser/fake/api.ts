/** The console's API of the fake server: each path of the contract, with seeded answers. */
import type { ApplicationsPage } from '../../../src/protocol/console/applications.ts';
import { nameOfPart } from '../../../src/protocol/console/path-part.ts';
import type { RunsPage } from '../../../src/protocol/console/runs.ts';
import { CONSOLE_CONTRACT, type SessionView } from '../../../src/protocol/console/session.ts';
import type { KeyOrder } from '../../../src/protocol/console/settings.ts';
import { applicationRow, applicationView, KNOWN_APPS } from './apps.ts';
import { FakeNow } from './now.ts';
import { callStory, runRow, runStory } from './runs.ts';
import { CONFIG_SCHEMA, FakeSettings } from './settings.ts';
import { traceLines } from './trace.ts';
import { warmthView } from './warmth.ts';

export const ADMIN = 'fake-admin';
export const TENANT_KEY = 'fake-key';

export interface FakeRequest {
  readonly method: string;
  readonly url: URL;
  readonly token: string | undefined;
  readonly ifMatch: string | undefined;
  readonly body: unknown;
}

export interface FakeAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly text?: string;
}

export interface FakeOptions {
  /** Waiting runs of the tenant `busy`. */
  readonly waiting: number;
  /** The contract that the fake Worker tells. */
  readonly contract?: number;
  /** Recorded runs in a trace at most. */
  readonly traceRuns?: number;
}

/** Tenants `demo` (some traffic), `busy` (a long line) and `empty`. */
export class FakeApi {
  readonly settings = new FakeSettings(Date.now());
  readonly #now = new Map<string, FakeNow>();
  readonly #contract: number;
  readonly #traceRuns: number;
  #traffic = false;

  constructor({ waiting, contract = CONSOLE_CONTRACT, traceRuns = 1_000 }: FakeOptions) {
    const at = Date.now();
    this.#contract = contract;
    this.#traceRuns = traceRuns;
    this.#now.set('demo', new FakeNow(1, 14, at));
    this.#now.set('busy', new FakeNow(2, waiting, at));
    this.#now.set('empty', new FakeNow(3, 0, at));
  }

  nowOf(tenant: string): FakeNow | undefined {
    return this.#now.get(tenant);
  }

  /** Whether a token may look at a tenant. */
  allows(token: string | undefined, tenant: string): boolean {
    return token === ADMIN || (token === TENANT_KEY && tenant === 'demo');
  }

  answer(request: FakeRequest): FakeAnswer {
    const { url, token } = request;
    if (token !== ADMIN && token !== TENANT_KEY) {
      return fault(401, 'unauthorized', 'The bearer token is not valid.');
    }
    const [first = '', tenant = '', ...rest] = url.pathname
      .replace('/console/api/', '')
      .split('/')
      .map((part) => nameOfPart(decodeURIComponent(part)));
    if (first === 'session') return { status: 200, body: this.#session(token, url) };
    if (first === 'demo-traffic') return this.#demoTraffic(request);
    if (!this.allows(token, tenant))
      return fault(403, 'forbidden', 'The key is of another tenant.');
    const now = this.#now.get(tenant);
    if (first !== 'tenants' || !now)
      return fault(404, 'not_found', `There is no tenant ${tenant}.`);
    if (request.method !== 'GET' && token !== ADMIN) {
      return fault(403, 'forbidden', 'A change needs the admin token.');
    }
    return this.#ofTenant(request, tenant, rest);
  }

  #session(token: string, url: URL): SessionView {
    const withFirst = url.searchParams.get('first') === 'now' && token === TENANT_KEY;
    const first = withFirst ? this.#now.get('demo')?.view(Date.now()) : undefined;
    return {
      contract: this.#contract,
      build: '0.1.0 (fake)',
      role: token === ADMIN ? 'admin' : 'tenant',
      name: token === ADMIN ? 'ops' : 'k-team-a',
      tenants: token === ADMIN ? [...this.#now.keys()] : ['demo'],
      canGenerateTraffic: true,
      ...(first ? { first } : {}),
      now: Date.now(),
    };
  }

  #demoTraffic({ body }: FakeRequest): FakeAnswer {
    const { action } = body as { action: string };
    if (action !== 'status') this.#traffic = action === 'start';
    return { status: 200, body: { running: this.#traffic, tenant: 'demo', runs: 12 } };
  }

  #ofTenant(request: FakeRequest, tenant: string, rest: readonly string[]): FakeAnswer {
    const { url } = request;
    const at = Date.now();
    const now = this.#now.get(tenant) as FakeNow;
    const after = Number(url.searchParams.get('after') ?? 0);
    const [what = '', id = '', ...more] = rest;
    const isEmpty = tenant === 'empty';
    switch (what) {
      case 'now':
        return { status: 200, body: now.view(at) };
      case 'line':
        return { status: 200, body: now.line(after) };
      case 'applications':
        return id === '' ? applications(at, isEmpty) : application(request, id, at);
      case 'runs':
        return id === '' ? runs(url, at, isEmpty) : found(runStory(id, at));
      case 'calls':
        return found(id === 'gone' ? undefined : callStory(id, at));
      case 'warmth':
        return {
          status: 200,
          body: warmthView(numberOf(url, 'from', at - 86_400_000), numberOf(url, 'to', at)),
        };
      case 'endpoints':
        return { status: 200, body: { done: true, message: `${more.at(-1)}: done.` } };
      case 'trace':
        return { status: 200, text: traceLines(isEmpty ? 0 : this.#runsOf(url), at) };
      default:
        return this.#ofSettings(request, what, id, at);
    }
  }

  #runsOf(url: URL): number {
    return Math.min(this.#traceRuns, numberOf(url, 'limit', this.#traceRuns));
  }

  #ofSettings(request: FakeRequest, what: string, id: string, at: number): FakeAnswer {
    const { settings } = this;
    const { method, body } = request;
    if (what === 'config' && id === 'versions')
      return { status: 200, body: { rows: settings.versions } };
    if (what === 'config' && method === 'PUT') return this.#put(request, at);
    if (what === 'config') return { status: 200, body: settings.view };
    if (what === 'keys' && method === 'POST')
      return { status: 201, body: settings.addKey(body as KeyOrder, at) };
    if (what === 'config-schema') return { status: 200, body: CONFIG_SCHEMA };
    if (what === 'keys' && method === 'PUT') {
      settings.limit(id, body as KeyOrder);
      return { status: 204 };
    }
    if (what === 'keys' && method === 'DELETE') {
      settings.revoke(id);
      return { status: 204 };
    }
    if (what === 'keys') return { status: 200, body: { rows: settings.keys } };
    if (what === 'audit') {
      const after = Number(request.url.searchParams.get('after') ?? 0);
      const rows = settings.audit.slice(after, after + 50);
      const next = after + rows.length;
      return {
        status: 200,
        body: { rows, ...(next < settings.audit.length ? { after: String(next) } : {}) },
      };
    }
    return fault(404, 'not_found', 'There is no such path.');
  }

  #put({ body, ifMatch }: FakeRequest, at: number): FakeAnswer {
    const saved = this.settings.put(body as never, ifMatch, at);
    if (saved.kind === 'saved') return { status: 200, body: saved.view };
    const error = { code: 'invalid_request', message: 'It is not valid.', param: null };
    if (saved.kind === 'refused') return { status: 400, body: { error, problems: saved.problems } };
    const message = 'The configuration was changed meanwhile.';
    return {
      status: 409,
      body: { error: { ...error, code: 'conflict', message }, current: saved.current },
    };
  }
}

function applications(at: number, isEmpty: boolean): FakeAnswer {
  const rows = isEmpty ? [] : KNOWN_APPS.map((app) => applicationRow(app, at));
  const page: ApplicationsPage = { rows, total: rows.length };
  return { status: 200, body: page };
}

function application({ method }: FakeRequest, id: string, at: number): FakeAnswer {
  if (method === 'PUT') return { status: 204 };
  const app = KNOWN_APPS.find((known) => known.app === id);
  return found(app && applicationView(app, at));
}

function runs(url: URL, at: number, isEmpty: boolean): FakeAnswer {
  const page = 100;
  const after = Number(url.searchParams.get('after') ?? 0);
  const [app, q, state] = ['app', 'q', 'state'].map((name) => url.searchParams.get(name) ?? '');
  if (q?.startsWith('call-')) {
    const body: RunsPage = { rows: [], found: { run: 'run-7ps', call: q } };
    return { status: 200, body };
  }
  const all = isEmpty ? [] : Array.from({ length: page }, (_, i) => runRow(after + i, at));
  const rows = all.filter(
    (row) =>
      (!app || row.app === app) &&
      (!q || row.run.includes(q) || row.app.includes(q)) &&
      (!state || row.state === state || (state === 'live' && row.endedAt === null)),
  );
  const next = after + page;
  const body: RunsPage = { rows, ...(isEmpty || next >= 10_000 ? {} : { after: String(next) }) };
  return { status: 200, body };
}

function found(body: unknown): FakeAnswer {
  return body === undefined ? fault(404, 'not_found', 'It is not known.') : { status: 200, body };
}

function fault(status: number, code: string, message: string): FakeAnswer {
  return { status, body: { error: { code, message, param: null } } };
}

function numberOf(url: URL, name: string, otherwise: number): number {
  const given = url.searchParams.get(name);
  return given === null ? otherwise : Number(given);
}
