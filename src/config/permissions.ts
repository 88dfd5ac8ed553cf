/**
 * What an API key may do with the names and deadlines that its client sends: which applications it
 * may name, and how far its deadlines count. Without settings every key may name every application.
 */
import type { CallRequest } from '../protocol/admission.ts';
import type { KeyHash, TenantConfig } from './schema.ts';

/** Allowed names that are listed in a refusal. */
const MAX_LISTED = 10;

/** True where the tenant lets the API key name the application. */
export function mayName(config: TenantConfig, keyId: string, app: string): boolean {
  const key = keyOf(config, keyId);
  if (key?.applications && !key.applications.some((allowed) => matches(allowed, app))) return false;
  const keys = applicationOf(config, app)?.keys;
  return keys === undefined || keys.includes(keyId);
}

/**
 * The id under which the tenant has a run that the API key names: where runs are not shared it begins
 * with the key's id, which contains no slash. A client may name the run by either.
 */
export function runIdFor(config: TenantConfig, keyId: string, runId: string): string {
  const own = `${keyId}/`;
  return config.identity.shareRuns || runId.startsWith(own) ? runId : own + runId;
}

/** Why the key may not use the application, in words for its client. */
export function refusedApplication(config: TenantConfig, keyId: string, app: string): string {
  const { applications = [] } = keyOf(config, keyId) ?? {};
  const listed = applications.slice(0, MAX_LISTED).map((allowed) => `"${allowed}"`);
  const allowed = listed.length > 0 ? `; it may use ${listed.join(', ')}` : '';
  const more = applications.length > MAX_LISTED ? ' and others' : '';
  return `This key may not use the application "${app}"${allowed}${more}.`;
}

/** The call with its deadline as far as the tenant lets deadlines of the application count. */
export function withPermittedDeadline(
  config: TenantConfig,
  app: string,
  call: CallRequest,
): CallRequest {
  if (call.deadlineAt === undefined) return call;
  const own = applicationOf(config, app)?.deadlines;
  const shortestMs = own?.shortestMs ?? config.deadlines.shortestMs;
  if (own?.allowed ?? config.deadlines.allowed) {
    const earliest = call.arrivedAt + shortestMs;
    return call.deadlineAt >= earliest ? call : { ...call, deadlineAt: earliest };
  }
  const { deadlineAt: _, refuseIfLate: __, ...rest } = call;
  return rest;
}

function keyOf({ keys }: TenantConfig, keyId: string): KeyHash | undefined {
  return keys?.find((key) => key.id === keyId);
}

/** Own names only: an application may be called "constructor". */
function applicationOf({ applications }: TenantConfig, app: string) {
  return Object.hasOwn(applications, app) ? applications[app] : undefined;
}

function matches(allowed: string, app: string): boolean {
  return allowed.endsWith('*') ? app.startsWith(allowed.slice(0, -1)) : app === allowed;
}
