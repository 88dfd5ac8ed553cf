/**
 * Carries out what an administrator changes of a tenant, and writes each change to the audit log and,
 * where it changes the configuration, to its versions. A change and its row are stored together.
 */
import type { KeyHash } from '../../../src/config/schema.ts';
import type { Effect } from '../../../src/core/dispatch/dispatch-events.ts';
import type { AuditRow } from '../../../src/protocol/console/settings.ts';
import type { ConsoleKey } from '../../../src/protocol/looking.ts';
import type {
  ChangedBy,
  KeyLimits,
  OrderOutcome,
  SteerAnswer,
  SteeringQuestion,
  SteeringReply,
  SteerOrder,
} from '../../../src/protocol/steering.ts';
import type { DispatchLoop } from '../dispatch-loop.ts';
import type { RecordChange, TenantSettings } from '../tenant-settings.ts';
import type { TenantStore } from '../tenant-store.ts';
import { configChanges } from './config-changes.ts';
import { steeringView } from './steering-views.ts';

type Action = AuditRow['action'];

export interface SteeringContext {
  readonly store: TenantStore;
  readonly settings: TenantSettings;
  readonly loop: DispatchLoop;
  /** A row was added to the audit log. */
  onRecorded(): void;
}

const MISSING = {
  audit: 'tenant_not_found',
  versions: 'tenant_not_found',
  version: 'version_not_found',
  keys: 'tenant_not_found',
  warmth: 'tenant_not_found',
  applications: 'tenant_not_found',
  application: 'application_not_found',
} as const satisfies Record<SteeringQuestion['type'], string>;

const NO_TENANT = { status: 'refused', code: 'tenant_not_found' } as const;

export class Steering {
  readonly #context: SteeringContext;

  constructor(context: SteeringContext) {
    this.#context = context;
  }

  async steer(order: SteerOrder, by: ChangedBy): Promise<SteerAnswer> {
    const { settings } = this.#context;
    await settings.adoptFromKvIfUnknown();
    switch (order.type) {
      case 'config':
        return this.#applied(this.#putConfig(order, by));
      case 'key-limits':
        return this.#applied(this.#limitKey(order, by));
      case 'weight':
        return this.#applied(this.#setWeight(order, by));
      case 'endpoint':
        return this.#order(order, by);
      default:
        return order satisfies never;
    }
  }

  /** Stores a checked configuration; one without keys keeps the present ones. */
  async putConfig(configJson: string, by: ChangedBy | undefined): Promise<string> {
    const { settings, loop } = this.#context;
    await settings.adoptFromKvIfUnknown();
    const document = settings.put(JSON.parse(configJson), this.recorded('config-put', '', by));
    await loop.step([]);
    return document;
  }

  /** Adds an API key's hash, or replaces that of the key with the same id, which keeps its limits. */
  addKey(key: KeyHash, by: ChangedBy | undefined): Promise<string | undefined> {
    const replaced = (keys: KeyHash[]) => keys.map((k) => (k.id === key.id ? { ...k, ...key } : k));
    return this.#changeKeys(
      (keys) => (keys.some((k) => k.id === key.id) ? replaced(keys) : [...keys, key]),
      this.recorded('key-made', key.id, by),
    );
  }

  removeKey(id: string, by: ChangedBy | undefined): Promise<string | undefined> {
    const record = this.recorded('key-revoked', id, by);
    return this.#changeKeys((keys) => keys.filter((k) => k.id !== id), record);
  }

  /** Answers a question about the tenant; nothing to an API key that was revoked. */
  async view(question: SteeringQuestion, key: ConsoleKey | undefined): Promise<SteeringReply> {
    const { settings, loop, store } = this.#context;
    if (key) {
      await settings.adoptFromKv(key.version);
      const isRevoked = settings.isRevoked(key.keyId, key.version, key.keyHash);
      if (isRevoked) return { ok: false, code: 'invalid_api_key' };
    }
    await loop.whenRead();
    // Days, wakes and timelines are read from the store.
    if (question.type === 'warmth') loop.flush();
    const { dispatcher } = loop;
    const asked = { store, dispatcher, config: settings.config, keyId: key?.keyId };
    const view = steeringView(asked, question, Date.now());
    if (view) return { ok: true, json: JSON.stringify(view) };
    return { ok: false, code: settings.config ? MISSING[question.type] : 'tenant_not_found' };
  }

  /** Writes down a change of the configuration by someone, to be stored with it. */
  recorded(action: Action, target: string, by: ChangedBy | undefined): RecordChange {
    return (after, before) => {
      const { store } = this.#context;
      const at = Date.now();
      const name = by ?? null;
      // The first change since versions are kept also keeps what it replaces.
      if (before) store.versions.add(before, before.version, null);
      store.versions.add(after, at, name);
      const changes = configChanges(before?.config ?? {}, after.config);
      store.audit.add({ at, by: name ?? '', action, target, changes });
      this.#context.onRecorded();
    };
  }

  /** Writes down something that changes no configuration. */
  record(action: Action, target: string, by: ChangedBy | undefined): void {
    const { store, onRecorded } = this.#context;
    store.audit.add({ at: Date.now(), by: by ?? '', action, target, changes: [] });
    onRecorded();
  }

  #putConfig(
    { config, ifVersion, undoes }: Extract<SteerOrder, { type: 'config' }>,
    by: ChangedBy,
  ): SteerAnswer {
    const { store, settings } = this.#context;
    if (ifVersion !== undefined && ifVersion !== settings.version) {
      const document = store.document();
      return document ? { status: 'conflict', document: JSON.stringify(document) } : NO_TENANT;
    }
    const action = undoes === undefined ? 'config-put' : 'config-undone';
    const target = undoes === undefined ? '' : String(undoes);
    const record = this.recorded(action, target, by);
    return { status: 'changed', document: settings.put(JSON.parse(config), record) };
  }

  #limitKey(
    { id, limits }: Extract<SteerOrder, { type: 'key-limits' }>,
    by: ChangedBy,
  ): SteerAnswer {
    const { settings } = this.#context;
    if (!settings.config) return NO_TENANT;
    if (!settings.config.keys?.some((key) => key.id === id)) {
      return { status: 'refused', code: 'key_not_found' };
    }
    const document = settings.changeKeys(
      (keys) => keys.map((key) => (key.id === id ? withLimits(key, limits) : key)),
      this.recorded('key-limits', id, by),
    );
    return document === undefined ? NO_TENANT : { status: 'changed', document };
  }

  #setWeight({ app, weight }: Extract<SteerOrder, { type: 'weight' }>, by: ChangedBy): SteerAnswer {
    const document = this.#context.settings.edit(
      (config) => withWeight(config, app, weight),
      this.recorded('weight-set', app, by),
    );
    return document === undefined ? NO_TENANT : { status: 'changed', document };
  }

  async #order(
    { backend, endpoint, order }: Extract<SteerOrder, { type: 'endpoint' }>,
    by: ChangedBy,
  ): Promise<SteerAnswer> {
    const { loop } = this.#context;
    if (!loop.dispatcher) return NO_TENANT;
    const effects = await loop.step([{ type: 'endpoint-ordered', backend, endpoint, order }]);
    const outcome = outcomeOf(effects);
    if (outcome === 'not-found') return { status: 'refused', code: 'endpoint_not_found' };
    const done = outcome === 'done';
    // A pause is acknowledged only once it is stored: an order before may not have been, though it holds.
    if ((done || outcome === 'unchanged') && !loop.flush()) {
      return { status: 'refused', code: 'dispatcher_unavailable' };
    }
    if (done) {
      this.record(`endpoint-${order}`, `${backend}/${endpoint}`, by);
    }
    return { status: 'ordered', done, message: WORDS[outcome] };
  }

  async #changeKeys(
    change: (keys: KeyHash[]) => KeyHash[],
    record: RecordChange,
  ): Promise<string | undefined> {
    const { settings, loop } = this.#context;
    await settings.adoptFromKvIfUnknown();
    const document = settings.changeKeys(change, record);
    await loop.step([]);
    return document;
  }

  /** Runs the dispatcher after a change of the configuration: grants and due times may be new. */
  async #applied(answer: SteerAnswer): Promise<SteerAnswer> {
    if (answer.status === 'changed') await this.#context.loop.step([]);
    return answer;
  }
}

const WORDS: Readonly<Record<OrderOutcome, string>> = {
  done: 'Done.',
  unchanged: 'Nothing was to be done: it is so already.',
  'not-found': 'There is no such endpoint.',
  'never-cold': 'This endpoint never goes cold.',
  paused: 'The endpoint is paused: resume it first.',
  busy: 'Calls run there: it can be let go once they have ended.',
  waking: 'The endpoint is waking: it can be let go once it is warm.',
  'not-releasable':
    'Only its platform lets this endpoint go cold, after its idle timeout: pause it to stop pings.',
};

function outcomeOf(effects: readonly Effect[]): OrderOutcome {
  for (const effect of effects) if (effect.type === 'order-answered') return effect.outcome;
  return 'not-found';
}

function withLimits({ limits: present, ...key }: KeyHash, limits: KeyLimits): KeyHash {
  const merged = { ...present, ...limits };
  const set = Object.entries(merged).filter(([, value]) => value !== null && value !== undefined);
  return set.length === 0 ? key : { ...key, limits: Object.fromEntries(set) };
}

function withWeight(
  config: Record<string, unknown>,
  app: string,
  weight: number | null,
): Record<string, unknown> {
  const applications = Object.entries((config.applications ?? {}) as Record<string, object>);
  const present = applications.find(([name]) => name === app)?.[1] ?? {};
  const { weight: _, ...rest } = present as { weight?: number };
  const own = weight === null ? rest : { ...rest, weight };
  const others = applications.filter(([name]) => name !== app);
  const all = Object.keys(own).length === 0 ? others : [...others, [app, own] as const];
  return { ...config, applications: Object.fromEntries(all) };
}
