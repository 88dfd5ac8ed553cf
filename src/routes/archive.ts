/**
 * Export and import of a tenant: `GET …/export` and `POST …/import`. An export is JSON Lines: a
 * head with the configuration, without keys of any kind, and then the recorded runs in the trace
 * format. An import accepts the same, or any trace; runs that exist already are skipped, so it can
 * be repeated. The lines are read in `apis/archive-line.ts`.
 */
import type { Context } from 'hono';
import {
  type ArchiveFirstLine,
  type ArchiveLine,
  EXPORT_FORMAT,
  readArchiveLine,
} from '../apis/archive-line.ts';
import { ask, change, documentOf, noTenant, refuseConfig } from '../auth/admin-tenant.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { acceptConfig } from '../auth/incoming-config.ts';
import { withKeysOf, withoutKeys } from '../auth/seal-config.ts';
import { MAX_CONFIG_BYTES } from '../config/schema.ts';
import { parseDocument } from '../config/store.ts';
import { bodyLines } from '../http/body-lines.ts';
import { errorResponse, invalidRequest } from '../http/errors.ts';
import { Hono } from '../http/hono.ts';
import type { ArchivedRun, ArchiveHead, ImportCount } from '../protocol/archive.ts';
import type { TenantApi } from '../protocol/tenant.ts';

/** A line is a run, or the head with a configuration. */
const LIMITS = { bodyBytes: 100_000_000, lineChars: 1_200_000 };
/** Most runs, and most characters of them, that go to the tenant's object at once. */
const BATCH_RUNS = 500;
const BATCH_CHARS = 4_000_000;
const TYPE = { 'content-type': 'application/jsonl' };

type Ctx = Context<AppEnv, '/tenants/:tenant'>;

/** Mount it after the middleware of the admin routes, which authenticates the administrator. */
export const archive = new Hono<AppEnv>()
  .get('/tenants/:tenant/export', exportTenant)
  .post('/tenants/:tenant/import', importTenant);

async function exportTenant(c: Ctx): Promise<Response> {
  const part = c.req.query('part') ?? 'all';
  if (part !== 'all' && part !== 'runs') {
    const message = 'Expected "all" or "runs".';
    return invalidRequest({ param: 'part', message });
  }
  const head = await ask(c, async (stub) => await stub.archive());
  if (!head) return noTenant();
  const encoder = new TextEncoder();
  let after: number | undefined = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      start: (sink) => {
        if (part === 'all') sink.enqueue(encoder.encode(firstLine(c.req.param('tenant'), head)));
      },
      pull: async (sink) => {
        if (after === undefined) return sink.close();
        const from = after;
        const { text, next } = await ask(c, async (stub) => await stub.archivePage(head, from));
        after = next;
        if (text !== '') sink.enqueue(encoder.encode(text));
        if (after === undefined) sink.close();
      },
    },
    { highWaterMark: 0 },
  );
  return c.body(body, 200, TYPE);
}

function firstLine(tenant: string, { startMs, document }: ArchiveHead): string {
  const { config } = parseDocument(document);
  const line = {
    talaria_export: EXPORT_FORMAT,
    tenant,
    start_ms: startMs,
    config: withoutKeys(config),
  };
  return `${JSON.stringify(line)}\n`;
}

async function importTenant(c: Ctx): Promise<Response> {
  const configMode = c.req.query('config') ?? 'keep';
  if (configMode !== 'keep' && configMode !== 'replace') {
    const message = 'Expected "keep" or "replace".';
    return invalidRequest({ param: 'config', message });
  }
  const tenantImport = new Import(c, configMode);
  for await (const read of bodyLines(c.req.raw, LIMITS)) {
    if (!read.ok) return errorResponse(read.error);
    const parsed = readArchiveLine(read.text, read.number);
    if (!parsed.ok) return errorResponse(parsed.error);
    const refused = await tenantImport.take(parsed.line, read);
    if (refused) return refused;
  }
  return tenantImport.end();
}

/** An import in progress: first the configuration, then the runs, in batches. */
class Import {
  readonly #c: Ctx;
  readonly #configMode: 'keep' | 'replace';
  readonly #count = { imported: 0, known: 0, no_room: 0 };
  #config: 'created' | 'kept' | 'replaced' | undefined;
  #startMs = 0;
  #runs: ArchivedRun[] = [];
  #chars = 0;
  #isBegun = false;

  constructor(c: Ctx, configMode: 'keep' | 'replace') {
    this.#c = c;
    this.#configMode = configMode;
  }

  /** Takes the next line; returns the error response where it cannot be imported. */
  async take(
    line: ArchiveLine,
    { text, number }: { text: string; number: number },
  ): Promise<Response | undefined> {
    if (line.kind === 'head') {
      const message = `Line ${number}: the head belongs first.`;
      if (this.#config) return invalidRequest({ message });
      this.#startMs = line.head.start_ms;
      return this.#configure(line.head);
    }
    const refused = this.#config ? undefined : await this.#configure(undefined);
    if (refused) return refused;
    this.#runs.push(line.run);
    this.#chars += text.length;
    if (this.#runs.length >= BATCH_RUNS || this.#chars >= BATCH_CHARS) await this.#flush();
    return undefined;
  }

  /** Sends the last batch and returns the response to the import. */
  async end(): Promise<Response> {
    if (!this.#config) {
      const message = 'Expected an export: JSON Lines.';
      return invalidRequest({ message });
    }
    await this.#flush();
    const tenant = this.#c.req.param('tenant');
    const answer = { tenant, config: this.#config, runs: this.#count };
    return this.#c.json(answer, this.#config === 'created' ? 201 : 200);
  }

  /** A tenant that has a configuration keeps it, unless the client asked to replace it. */
  async #configure(head: ArchiveFirstLine | undefined): Promise<Response | undefined> {
    const c = this.#c;
    const present = await documentOf(c);
    if (present && (this.#configMode === 'keep' || !head?.config)) {
      this.#config = 'kept';
      return undefined;
    }
    if (!head?.config) return noTenant();
    // API keys belong to the tenant: those in a file are not imported.
    const { keys: _, ...headConfig } = head.config;
    const { length } = new TextEncoder().encode(JSON.stringify(headConfig));
    if (length > MAX_CONFIG_BYTES) {
      const message = `The configuration may have ${MAX_CONFIG_BYTES} bytes at most.`;
      return errorResponse({ code: 'request_too_large', param: 'config', message });
    }
    const config = present ? withKeysOf(headConfig, present.config) : headConfig;
    const accepted = await acceptConfig(config, c.req.param('tenant'), c.env);
    if (!accepted.ok) return refuseConfig(accepted.problems);
    await change(c, (stub) => stub.putConfig(accepted.text, c.get('admin')));
    this.#config = present ? 'replaced' : 'created';
    return undefined;
  }

  async #flush(): Promise<void> {
    if (this.#runs.length === 0) return;
    const runs = JSON.stringify(this.#runs);
    this.#runs = [];
    this.#chars = 0;
    const startMs = this.#startMs;
    // The first batch of an import is written down as the whole of it.
    const by = this.#isBegun ? undefined : this.#c.get('admin');
    this.#isBegun = true;
    const take = async (stub: TenantApi) => await stub.importRuns(runs, startMs, by);
    const done: ImportCount | undefined = await ask(this.#c, take);
    for (const what of ['imported', 'known', 'no_room'] as const) {
      this.#count[what] += done?.[what] ?? 0;
    }
  }
}
