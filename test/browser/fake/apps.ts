/** The applications of the fake tenant, and what is known of them. */
import type {
  ApplicationRow,
  ApplicationView,
  Distribution,
  RankCurve,
  UnitEdgeView,
  UnitNodeView,
} from '../../../src/protocol/console/applications.ts';

export interface FakeApp {
  readonly app: string;
  readonly label?: string;
  readonly units: readonly [string, ...string[]];
}

/** A name of a client may be anything. */
export const HOSTILE_NAME = '<img src=x onerror="alert(1)">';

export const APPS: readonly [FakeApp, ...FakeApp[]] = [
  { app: 'helpdesk', units: ['triage', 'search', 'reply'] },
  {
    app: 'app-3f9c21d07ab4',
    label: 'claude-cli',
    units: ['main', 'sub-agent', 'compact', 'title'],
  },
  { app: 'code-review', units: ['read', 'plan', 'review', 'verify', 'summarise'] },
  { app: 'report-writer', units: ['outline', 'research', 'draft', 'revise'] },
  { app: HOSTILE_NAME, units: ['ünïts and "quotes"', 'b'] },
];

/** Also one without runs, whose name is a step in a path. */
export const KNOWN_APPS: readonly FakeApp[] = [...APPS, { app: '..', units: ['up'] }];

export function applicationRow(app: FakeApp, at: number): ApplicationRow {
  const known = app.app === HOSTILE_NAME ? 1 : 400 / app.units.length;
  return {
    app: app.app,
    ...(app.label === undefined ? {} : { label: app.label }),
    knownRuns: Math.round(known),
    units: app.units.length,
    openRuns: 5,
    waitingRuns: 3,
    runningRuns: 2,
    lastEndedAt: at - 12_000,
    weight: app.app === 'helpdesk' ? 2 : 1,
    meanWorkMs: 3_200 * app.units.length,
    completion: { p50: 4_100 * app.units.length, p95: 21_000, p99: 48_000, count: 300 },
    driftAlarms: app.app === 'code-review' ? 1 : 0,
  };
}

export function applicationView(app: FakeApp, at: number): ApplicationView {
  const [first] = app.units;
  const nodes = app.units.map((unit, i) => node(unit, i));
  const edges: UnitEdgeView[] = [
    { from: null, to: first, probability: 1, count: 120 },
    ...app.units.slice(1).map((to, i) => ({
      from: app.units[i] ?? first,
      to,
      probability: 0.7,
      count: 84,
    })),
    ...app.units.map((from, i) => ({
      from,
      to: null,
      probability: i === app.units.length - 1 ? 0.8 : 0.3,
      count: 36,
    })),
    { from: app.units.at(-1) ?? first, to: first, probability: 0.2, count: 24 },
  ];
  return {
    ...applicationRow(app, at),
    nodes,
    edges,
    ranks: app.units.map((unit, i) => rankCurve(unit, i)),
    drifts:
      app.app === 'code-review'
        ? [{ unit: 'review', at: at - 4_000_000, of: 'output', before: 310, now: 1_240 }]
        : [],
    live: [
      { unit: first, waiting: 3, running: 1, between: 0 },
      { unit: app.units.at(-1) ?? first, waiting: 0, running: 1, between: 1 },
    ],
  };
}

function node(unit: string, i: number): UnitNodeView {
  const isTool = unit === 'search';
  const tokens = [40, 420, 180, 900, 60][i % 5] ?? 100;
  return {
    unit,
    backend: isTool ? 'tools' : 'llm',
    visits: 120 - i * 14,
    workMs: tokens * 21,
    fanOut: distribution(i === 2 ? 3.4 : 1, [1, 2, 4, 8, 16]),
    inputTokens: isTool
      ? null
      : distribution(1_800 + 700 * i, [0, 500, 1_000, 2_000, 4_000, 8_000]),
    outputTokens: isTool ? null : distribution(tokens, [0, 50, 100, 200, 400, 800, 1_600]),
    serviceMs: distribution(tokens * 21, [0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000]),
    gapMs: distribution(300, [0, 100, 300, 1_000, 3_000, 10_000]),
  };
}

function distribution(mean: number, edges: readonly number[]): Distribution {
  const counts = edges.slice(1).map((edge, i) => {
    const middle = ((edges[i] ?? 0) + edge) / 2;
    return Math.round(90 * Math.exp(-((Math.log((middle + 1) / (mean + 1)) / 0.7) ** 2)));
  });
  const count = counts.reduce((sum, n) => sum + n, 0);
  return {
    count,
    mean,
    deviation: mean * 0.6,
    p50: mean * 0.85,
    p95: mean * 2.3,
    histogram: { edges, counts },
  };
}

function rankCurve(unit: string, i: number): RankCurve {
  return {
    unit,
    backend: 'llm',
    source: i === 0 ? 'samples' : 'graph',
    samples: i === 0 ? 120 : 14,
    points: Array.from({ length: 40 }, (_, k) => ({
      ageMs: k * 500,
      rankMs: Math.max(300, 9_000 * (i + 1) * Math.exp(-k / 9) + (k > 24 ? (k - 24) * 900 : 0)),
    })),
  };
}
