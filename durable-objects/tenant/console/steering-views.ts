/**
 * What the console asks of a tenant beside what moves: warmth, applications, keys, versions of the
 * configuration, and the audit log. Each answer is JSON text, made here and passed on.
 */
import { toDispatcherConfig } from '../../../src/config/dispatcher-config.ts';
import type { TenantConfig } from '../../../src/config/schema.ts';
import type { Dispatcher } from '../../../src/core/dispatch/dispatcher.ts';
import { weightOf } from '../../../src/core/dispatch/dispatcher-config.ts';
import type { KeyRow, KeysView } from '../../../src/protocol/console/settings.ts';
import type { SteeringQuestion } from '../../../src/protocol/steering.ts';
import type { TenantStore } from '../tenant-store.ts';
import { applicationView } from './application-view.ts';
import { applicationsPage } from './applications-view.ts';
import { warmthView } from './warmth-view.ts';

export interface ViewedTenant {
  readonly store: TenantStore;
  readonly config: TenantConfig | undefined;
  readonly dispatcher: Dispatcher | undefined;
  /** The API key that asks: it sees no other. Undefined for the administrator. */
  readonly keyId: string | undefined;
}

/** Undefined where the tenant, or what is asked for, does not exist. */
export function steeringView(
  { store, config, dispatcher, keyId }: ViewedTenant,
  question: SteeringQuestion,
  now: number,
): object | undefined {
  // A deleted tenant still shows who deleted it.
  if (question.type === 'audit') return store.audit.page(question.after);
  if (!config || !dispatcher) return undefined;
  const { weights } = toDispatcherConfig(config);
  const source = { dispatcher, store, weightOf: (app: string) => weightOf(weights, app) };
  switch (question.type) {
    case 'versions':
      return { rows: store.versions.all() };
    case 'version':
      return store.versions.at(question.version);
    case 'keys':
      return keysView(config, dispatcher, keyId);
    case 'warmth':
      return warmthView(dispatcher, store, question, now);
    case 'applications':
      return applicationsPage(source, question);
    case 'application':
      return applicationView(source, question.app);
    default:
      return question satisfies never;
  }
}

/** The API keys with what they may do and hold; never their hashes. */
function keysView(
  { keys = [] }: TenantConfig,
  dispatcher: Dispatcher,
  own: string | undefined,
): KeysView {
  const openRuns = new Map(dispatcher.register.openRuns.counts());
  const waiting = (id: string) => {
    let calls = 0;
    for (const { queue, adapterCalls } of dispatcher.backends.values()) {
      calls += queue.waitingOf(id).calls + adapterCalls.parked.ofKey(id).calls;
    }
    return calls;
  };
  const seen = keys.filter(({ id }) => own === undefined || id === own);
  const rows = seen.map(
    ({ id, limits, applications }): KeyRow => ({
      id,
      requestsPerMinute: limits?.requestsPerMinute ?? null,
      tokensPerMinute: limits?.tokensPerMinute ?? null,
      apps: applications ?? null,
      openRuns: openRuns.get(id) ?? 0,
      waitingCalls: waiting(id),
    }),
  );
  return { rows };
}
