/** The warmth of the fake tenant's endpoints over a window of time. */

import { type Random, seededRandom } from '../../../src/core/learning/random.ts';
import type {
  BackendWarmth,
  EndpointWarmth,
  WakeShown,
  WarmthMoney,
  WarmthSegment,
  WarmthView,
} from '../../../src/protocol/console/warmth.ts';

export function warmthView(from: number, to: number): WarmthView {
  const random = seededRandom(11);
  const backends = [
    backend('llm', ['gpu-1', 'gpu-2'], from, to, random),
    backend('small', ['https://small.example.com/v1'], from, to, random),
  ];
  return { from, to, recordedFrom: to - 30 * 86_400_000, backends, money: moneyOf(to, random) };
}

function backend(
  name: string,
  endpoints: readonly string[],
  from: number,
  to: number,
  random: Random,
): BackendWarmth {
  return {
    backend: name,
    prewarm: name === 'llm' ? 'on' : 'dry-run',
    theta: 0.35,
    outlook: {
      arrivalProbability: 0.42,
      arrivalsPerSecond: 0.031,
      coldStartMs: 41_000,
      runs: [
        { run: 'run-7ps', app: 'helpdesk', probability: 0.81 },
        { run: 'run-7pq', app: 'code-review', probability: 0.22 },
      ],
    },
    endpoints: endpoints.map((endpoint) => endpointWarmth(endpoint, from, to, random)),
    forecasts: Array.from({ length: 10 }, (_, i) => ({
      from: i / 10,
      to: (i + 1) / 10,
      forecasts: Math.round(400 * (1 - i / 11)),
      forecast: (i + 0.5) / 10,
      came: Math.min(1, Math.max(0, (i + 0.5) / 10 + (random() - 0.5) * 0.15)),
    })),
    money: moneyOf(to, random),
  };
}

function endpointWarmth(
  endpoint: string,
  from: number,
  to: number,
  random: Random,
): EndpointWarmth {
  const segments: WarmthSegment[] = [];
  const wakes: WakeShown[] = [];
  let at = from;
  const add = (state: WarmthSegment['state'], ms: number) => {
    const end = Math.min(to, at + ms);
    if (at < to) segments.push({ state, from: at, to: end === to ? null : end });
    at = end;
  };
  while (at < to) {
    add('cold', 300_000 + random() * 2_400_000);
    if (at < to) wakes.unshift(wake(at, random));
    add('warming', 35_000 + random() * 12_000);
    for (let i = 0; i < 1 + random() * 4; i += 1) {
      add('serving', 30_000 + random() * 400_000);
      add('warm', 10_000 + random() * 200_000);
    }
  }
  const samples = Array.from({ length: 12 }, (_, i) => ({
    at: to - (12 - i) * 4_000_000,
    ms: 35_000 + random() * 12_000,
  }));
  return {
    endpoint,
    state: segments.at(-1)?.state === 'cold' ? 'cold' : 'warm',
    presumed: endpoint !== 'gpu-1',
    paused: false,
    canGoCold: true,
    releasable: endpoint === 'gpu-1',
    decision: 'hold',
    probability: 0.42,
    reason: 'hold=0.420 theta=0.350',
    segments,
    wakes: wakes.slice(0, 200),
    coldStart: {
      ms: 41_200,
      configuredMs: 60_000,
      observations: 23,
      lastAt: to - 400_000,
      samples,
    },
    idleTimeout: {
      ms: 300_000,
      configuredMs: 300_000,
      observations: 6,
      lastAt: to - 4_000_000,
      samples: samples.map(({ at: when }, i) => ({
        at: when,
        ms: 120_000 + i * 30_000,
        found: i > 6 ? ('cold' as const) : ('warm' as const),
      })),
    },
    lastError: null,
  };
}

function wake(at: number, random: Random): WakeShown {
  const causes = ['demand', 'prewarm', 'prewarm', 'keep-warm'] as const;
  const outcomes = ['used', 'used', 'used', 'late', 'wasted', 'failed'] as const;
  const cause = causes[Math.floor(random() * causes.length)] ?? 'demand';
  const outcome = cause === 'demand' ? 'used' : (outcomes[Math.floor(random() * 6)] ?? 'used');
  const warmMs = 20_000 + random() * 90_000;
  return {
    at,
    cause,
    reason:
      cause === 'demand'
        ? 'waiting=1'
        : 'P(need)=0.520 theta=0.350 runs=1 P(arrival)=0.104 rate=0.0312/s by code-review/run-7pq:0.45',
    probability: cause === 'demand' ? 1 : 0.3 + random() * 0.6,
    outcome,
    endedAt: at + warmMs,
    warmMs,
    money: (warmMs / 1_000) * 0.00025,
  };
}

function moneyOf(to: number, random: Random): WarmthMoney {
  return {
    spent: 1.353,
    wasted: 0.21,
    budgetLeft: 3.147,
    warmMs: 5_412_000,
    wastedMs: 840_000,
    savedWaitMs: 1_204_000,
    savedWaits: 31,
    sufferedWaitMs: 310_000,
    sufferedWaits: 8,
    days: Array.from({ length: 14 }, (_, i) => ({
      day: new Date(to - (13 - i) * 86_400_000).toISOString().slice(0, 10),
      money: 1 + random() * 2,
      warmMs: 4_000_000 + random() * 4_000_000,
      pingMs: 400_000 + random() * 900_000,
      wakes: Math.round(20 + random() * 40),
      savedWaitMs: 900_000 + random() * 600_000,
      sufferedWaitMs: 100_000 + random() * 300_000,
    })),
  };
}
