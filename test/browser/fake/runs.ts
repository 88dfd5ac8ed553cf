/** Runs of the fake tenant, their waterfalls, and stories of calls. */

import { seededRandom } from '../../../src/core/learning/random.ts';
import type {
  CallStory,
  RunLane,
  RunRow,
  RunSpan,
  RunState,
  RunStory,
  SpanKind,
} from '../../../src/protocol/console/runs.ts';
import { APPS } from './apps.ts';

const STATES: readonly RunState[] = [
  'running',
  'waiting',
  'between',
  'ended',
  'ended',
  'ended',
  'failed',
];

/** The `i`th newest run. */
export function runRow(i: number, at: number): RunRow {
  const random = seededRandom(i + 7);
  const app = APPS[i % APPS.length] ?? APPS[0];
  const state = (i < 6 ? STATES[i % 3] : STATES[3 + (i % 4)]) ?? 'ended';
  const tookMs = Math.round(1_500 + random() ** 3 * 90_000);
  const arrivedAt = at - i * 9_000 - tookMs;
  const live = i < 6;
  return {
    run: `run-${(10_000 - i).toString(36)}`,
    app: app.app,
    ...(app.label === undefined ? {} : { label: app.label }),
    state,
    arrivedAt,
    endedAt: live ? null : arrivedAt + tookMs,
    tookMs: live ? at - arrivedAt : tookMs,
    units: app.units.length,
    calls: app.units.length + (i % 4),
    inputTokens: Math.round(random() * 24_000),
    outputTokens: Math.round(random() * 3_000),
    deadlineAt: i % 9 === 0 ? arrivedAt + 60_000 : null,
    waitedMs: Math.round(tookMs * 0.3 * random()),
  };
}

export function runStory(run: string, at: number): RunStory | undefined {
  const i = 10_000 - Number.parseInt(run.replace('run-', ''), 36);
  if (!Number.isInteger(i) || i < 0 || i > 9_999) return undefined;
  const row = runRow(i, at);
  const app = APPS[i % APPS.length] ?? APPS[0];
  const end = row.endedAt ?? at;
  const share = (end - row.arrivedAt) / app.units.length;
  const lanes: RunLane[] = [];
  const gaps: RunSpan[] = [];
  app.units.forEach((unit, visit) => {
    const from = row.arrivedAt + share * visit;
    const fanOut = visit === 2 ? 4 : 1;
    for (let k = 0; k < fanOut; k += 1) lanes.push(lane(unit, visit + 1, k, from, share * 0.9));
    if (visit < app.units.length - 1) {
      gaps.push({ kind: 'gap', from: from + share * 0.9, to: from + share });
    }
  });
  return {
    ...row,
    key: 'k-team-a',
    timing: i % 3 === 0 ? 'partly' : 'measured',
    lanes,
    lanesTotal: lanes.length,
    gaps,
  };
}

function lane(unit: string, visit: number, k: number, from: number, lengthMs: number): RunLane {
  const kinds: ReadonlyArray<readonly [SpanKind, number]> =
    unit === 'search'
      ? [
          ['waiting', 0.1],
          ['service', 0.9],
        ]
      : [
          ['waiting', 0.2 + k * 0.05],
          ...(visit === 1 ? [['waking', 0.2] as const] : []),
          ['prefill', 0.12],
          ['decode', 0.35],
        ];
  let at = from;
  const spans = kinds.map(([kind, part]): RunSpan => {
    const to = at + lengthMs * part;
    const span = { kind, from: at, to };
    at = to;
    return span;
  });
  return {
    call: `call-${visit}-${k}`,
    visit,
    unit,
    backend: unit === 'search' ? 'tools' : 'llm',
    endpoint: unit === 'search' ? 'tools-1' : 'gpu-1',
    attempts: k === 1 ? 2 : 1,
    outcome: 'succeeded',
    measured: true,
    inputTokens: unit === 'search' ? null : 1_800 + 300 * visit,
    cachedTokens: unit === 'search' ? null : 1_200,
    outputTokens: unit === 'search' ? null : 240,
    spans,
  };
}

export function callStory(call: string, at: number): CallStory {
  const arrivedAt = at - 31_000;
  return {
    call,
    requestId: 'req-7f3a',
    state: 'ended',
    key: 'k-team-a',
    arrivedAt,
    backend: 'llm',
    app: 'helpdesk',
    run: 'run-7ps',
    unit: 'triage',
    identifiedBy: {
      app: 'header x-talaria-app',
      run: 'header x-talaria-run',
      unit: 'header x-talaria-unit',
    },
    request: {
      kind: 'llm',
      inputTokens: 1_842,
      maxOutputTokens: 400,
      bodyBytes: 7_412,
      final: false,
      retry: false,
      deadlineAt: null,
      maxWaitMs: 60_000,
    },
    arrival: { position: 4, expectedWaitMs: 2_300, rankMs: 1_310, boundMs: 2_620 },
    attempts: [
      {
        endpoint: 'gpu-2',
        endpointState: 'warm',
        grantedAt: arrivedAt + 2_100,
        waitedMs: 2_100,
        coldMs: 0,
        heldMs: 0,
        prefixTokens: 1_200,
        rankMs: 1_310,
        boundMs: 2_620,
        ended: { at: arrivedAt + 2_400, how: 'rate-limited' },
      },
      {
        endpoint: 'gpu-1',
        endpointState: 'warm',
        grantedAt: arrivedAt + 4_000,
        waitedMs: 1_600,
        coldMs: 0,
        heldMs: 400,
        prefixTokens: 1_200,
        rankMs: 1_310,
        boundMs: null,
        ended: { at: arrivedAt + 9_200, how: 'ok' },
      },
    ],
    refusal: null,
    result: {
      outcome: 'ok',
      endpointFault: false,
      cold: false,
      serviceMs: 5_200,
      firstByteMs: 640,
      inputTokens: 1_842,
      cachedTokens: 1_200,
      outputTokens: 214,
    },
    spans: [
      { kind: 'waiting', from: arrivedAt, to: arrivedAt + 4_000 },
      { kind: 'prefill', from: arrivedAt + 4_000, to: arrivedAt + 4_640 },
      { kind: 'decode', from: arrivedAt + 4_640, to: arrivedAt + 9_200 },
    ],
  };
}
