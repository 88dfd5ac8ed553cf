/**
 * What an answer tells of how it came about, in headers: what the call was taken for, where it
 * waited, who served it, how its key's limits stand. On errors too, as far as it is known.
 */
import type { CallFacts, Grant, LimitGauge } from '../protocol/tenant.ts';

export interface Explained {
  readonly requestId: string;
  readonly callId: string;
  readonly backend: string;
  /** What the object knows; what the call itself says where it said nothing. */
  readonly facts: CallFacts;
  /** Absent where the call never had a slot. */
  readonly grant?: Grant;
}

/** Header values are ASCII; an endpoint without a name is named by its URL. */
const NOT_PRINTABLE = /[^\x20-\x7e]/g;

export function explainHeaders(explained: Explained): Record<string, string> {
  const { requestId, callId, backend, facts, grant } = explained;
  return {
    'x-request-id': requestId,
    'x-talaria-call': callId,
    'x-talaria-app': facts.app,
    'x-talaria-run': facts.runId,
    'x-talaria-unit': facts.unit,
    'x-talaria-backend': backend,
    'x-talaria-position': String(facts.position),
    'x-talaria-attempts': String(facts.attempts),
    ...(grant ? grantHeaders(grant) : {}),
    ...rateLimitHeaders(facts.gauges ?? {}),
  };
}

/** `Server-Timing`, in ms: the wait for a slot, its part without a warm endpoint, the endpoint. */
export function serverTiming(grant: Grant | undefined, upstreamMs: number | undefined): string {
  const parts: Array<[string, number | undefined]> = [
    ['queue', grant?.waitedMs],
    ['cold', grant?.coldMs],
    ['upstream', upstreamMs],
  ];
  return parts
    .filter(([, ms]) => ms !== undefined)
    .map(([name, ms]) => `${name};dur=${wholeMs(ms ?? 0)}`)
    .join(', ');
}

/** `x-ratelimit-*` in OpenAI's form. */
export function rateLimitHeaders(gauges: NonNullable<CallFacts['gauges']>): Record<string, string> {
  const of = (name: string, gauge: LimitGauge | undefined): Record<string, string> =>
    gauge
      ? {
          [`x-ratelimit-limit-${name}`]: String(gauge.limit),
          [`x-ratelimit-remaining-${name}`]: String(gauge.remaining),
          [`x-ratelimit-reset-${name}`]: duration(gauge.resetMs),
        }
      : {};
  return { ...of('requests', gauges.requests), ...of('tokens', gauges.tokens) };
}

/** As OpenAI writes it: `6m0s`, `1.5s`, `20ms`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = Math.round((ms - minutes * 60_000) / 10) / 100;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

function grantHeaders(grant: Grant): Record<string, string> {
  return {
    'x-talaria-endpoint': grant.endpoint.replace(NOT_PRINTABLE, '?'),
    'x-talaria-endpoint-state': grant.endpointState ?? 'unknown',
    'x-talaria-queue-ms': wholeMs(grant.waitedMs),
    'x-talaria-cold-ms': wholeMs(grant.coldMs),
    'x-talaria-rank-ms': wholeMs(grant.rankMs),
    'x-talaria-bound-ms': grant.boundMs === undefined ? 'none' : wholeMs(grant.boundMs),
  };
}

function wholeMs(ms: number): string {
  return String(Math.max(0, Math.round(ms)));
}
