/**
 * Builds the response headers that explain a call: its application, run and unit, its wait, the
 * endpoint that served it, and the rate limits of its API key. Errors carry them as far as they are
 * known. The filter for an endpoint's own headers is in `http/headers.ts`.
 */

import { given } from '../http/given.ts';
import type { CallFacts, Grant, LimitGauge } from '../protocol/admission.ts';

export interface Explained {
  readonly requestId: string;
  readonly callId: string;
  readonly backend: string;
  /** Facts from the tenant's object, or the call's own claims where the object reported none. */
  readonly facts: CallFacts;
  /** Absent where the call never got a slot. */
  readonly grant?: Grant;
}

/** Header values are ASCII, but an endpoint without a name is identified by its URL. */
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

/**
 * `Server-Timing`, ms: the wait for a slot, the part of it without a warm endpoint, the endpoint.
 */
export function serverTiming(grant: Grant | undefined, upstreamMs: number | undefined): string {
  const parts: Array<[string, number | undefined]> = [
    ['queue', grant?.waitedMs],
    ['cold', grant?.coldMs],
    ['upstream', upstreamMs],
  ];
  return parts
    .filter(([, ms]) => ms !== undefined)
    .map(([name, ms]) => `${name};dur=${whole(ms ?? 0)}`)
    .join(', ');
}

/** `x-ratelimit-*` in OpenAI's form. */
export function rateLimitHeaders(gauges: NonNullable<CallFacts['gauges']>): Record<string, string> {
  const gaugeHeaders = (name: string, gauge: LimitGauge | undefined): Record<string, string> =>
    gauge
      ? {
          [`x-ratelimit-limit-${name}`]: String(gauge.limit),
          [`x-ratelimit-remaining-${name}`]: String(gauge.remaining),
          [`x-ratelimit-reset-${name}`]: duration(gauge.resetMs),
        }
      : {};
  return { ...gaugeHeaders('requests', gauges.requests), ...gaugeHeaders('tokens', gauges.tokens) };
}

/** A duration in OpenAI's notation: `6m0s`, `1.5s`, `20ms`. */
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
    'x-talaria-queue-ms': whole(grant.waitedMs),
    'x-talaria-cold-ms': whole(grant.coldMs),
    'x-talaria-rank-ms': whole(grant.rankMs),
    'x-talaria-bound-ms': grant.boundMs === undefined ? 'none' : whole(grant.boundMs),
    // Without fingerprints a call has no place to be held back for.
    ...(grant.prefixTokens === undefined
      ? {}
      : {
          'x-talaria-prefix-tokens': whole(grant.prefixTokens),
          'x-talaria-held-ms': whole(grant.heldMs ?? 0),
        }),
    ...given({ 'x-talaria-adapter': grant.adapter }),
  };
}

function whole(value: number): string {
  return String(Math.max(0, Math.round(value)));
}
