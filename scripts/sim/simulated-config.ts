/** The dispatcher's configuration and prewarm rule in a simulation, from a cluster and options. */

import type { BackendSpec } from '../../src/core/backends/backend-spec.ts';
import type { DispatcherConfig } from '../../src/core/dispatch/dispatcher-config.ts';
import { keepAliveRule, type PrewarmRule, paperRule } from '../../src/core/prewarm/prewarm-rule.ts';
import { ASSUMED_LLM_SPEED, SERVICE_SPEED } from '../../src/core/runs/demand.ts';
import { type Needs, oracleRule } from './oracle.ts';
import type { Cluster, SimBackend } from './sim-backend.ts';
import { endpointsOf } from './sim-endpoint.ts';
import type { SimOptions } from './sim-options.ts';

/** The paper's K. */
const PAPER_K = 0.5;
const KEEP_ALIVE_MS = 300_000;
/** Nothing times out in a simulation. */
const NEVER_MS = Infinity;
const RUN_SILENCE_MS = 600_000;

export function ruleOf(options: SimOptions, needs: Needs): { prewarmRule?: PrewarmRule } {
  switch (options.prewarm) {
    case 'keep-alive':
      return { prewarmRule: keepAliveRule(options.keepAliveMs ?? KEEP_ALIVE_MS) };
    case 'paper':
      return { prewarmRule: paperRule(options.k ?? PAPER_K) };
    case 'oracle':
      return { prewarmRule: oracleRule(needs) };
    default:
      return {};
  }
}

export function configOf(cluster: Cluster, options: SimOptions): DispatcherConfig {
  return {
    policy: options.policy === 'srpt' ? 'fcfs' : options.policy,
    alpha: options.alpha,
    backends: Object.fromEntries([...cluster].map(([name, b]) => [name, specOf(b, options)])),
    weights: { ...options.weights },
    leaseMs: NEVER_MS,
    // A run that ended just before a restart may be in flight after it, until its silence ends it.
    runSilenceMs: options.restarts ? RUN_SILENCE_MS : NEVER_MS,
  };
}

function specOf(b: SimBackend, options: SimOptions): BackendSpec {
  const coldStart = b.coldStartMs !== undefined && {
    coldStart: {
      estimateMs: b.coldStartMs,
      idleTimeoutMs: b.idleTimeoutMs ?? NEVER_MS,
      releasable: options.release ?? false,
    },
  };
  return {
    endpoints: endpointsOf(b).map((endpoint) => ({ ...endpoint, ...(coldStart || {}) })),
    ...(options.affinity === undefined ? {} : { affinity: options.affinity }),
    queueDepth: Infinity,
    maxWaitMs: NEVER_MS,
    maxWaitColdMs: NEVER_MS,
    // Cold endpoints are sent calls too, so that a slot is never idle while a call waits. On a
    // platform of its own behaviour, calls are held while a wake asks, which is the edge's default.
    whileCold: b.platform ? 'hold' : 'send',
    speed: speedOf(b),
    prewarm: {
      mode: options.prewarm === 'off' ? 'off' : 'on',
      theta: options.theta,
      ...(b.readsPrefixes ? { prefix: true } : {}),
      ...(options.budget ? { budget: options.budget } : {}),
    },
  };
}

function speedOf(backend: SimBackend) {
  if (!backend.measuresTokens) return SERVICE_SPEED;
  const { prefillMsPerToken, decodeMsPerToken } = backend;
  // If tokens take no time, ranks in ms could not tell runs apart, so an assumed speed is used.
  return decodeMsPerToken > 0
    ? { inputMs: prefillMsPerToken, outputMs: decodeMsPerToken }
    : ASSUMED_LLM_SPEED;
}
