/**
 * Recorded clients that send no Talaria headers: their calls become the runs, units and edges that
 * a reader of the recording would expect. Tests the whole way from the request's headers and body
 * through the tenant's object to its PDGraph, with the test's own clock.
 */
import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { textPrint } from '../../../src/apis/text-print.ts';
import { callRequestOf } from '../../../src/calls/call-request.ts';
import { sha256Hex } from '../../../src/http/sha256.ts';
import { hintsOf } from '../../../src/identity/conversation.ts';
import { identify } from '../../../src/identity/identity.ts';
import type { CallResult } from '../../../src/protocol/admission.ts';
import claudeCode from '../../fixtures/sequences/clients/claude-code.json';
import langgraph from '../../fixtures/sequences/clients/langgraph.json';
import openCode from '../../fixtures/sequences/clients/opencode.json';
import pi from '../../fixtures/sequences/clients/pi.json';
import qwenCode from '../../fixtures/sequences/clients/qwen-code.json';
import codingAgent from '../../fixtures/sequences/coding-agent.json';
import mapReduceChain from '../../fixtures/sequences/map-reduce-chain.json';
import oneUserForAll from '../../fixtures/sequences/one-user-for-all.json';
import responsesAgent from '../../fixtures/sequences/responses-agent.json';
import unnamedAgent from '../../fixtures/sequences/unnamed-agent.json';
import { callsOf } from '../../replayed-client.ts';

interface RecordedRequest {
  /** Milliseconds from the start of the recording. */
  readonly at: number;
  readonly end: number;
  readonly api: string;
  readonly headers: object;
  readonly body: object;
  readonly toolCalls?: readonly string[];
  readonly answer?: string;
  readonly usage?: { input_tokens: number; output_tokens: number };
  readonly failed?: boolean;
}

interface Unit {
  readonly unit: string;
  readonly visits: number;
  readonly calls_per_visit: { mean: number };
  readonly next: Array<{ unit: string | null; probability: number }>;
}

interface Application {
  readonly app: string;
  readonly runs: number;
  readonly units: Unit[];
}

/** Later than the present on any machine, so that only the test fires alarms. */
const START = Date.UTC(2090, 0, 1);
const KEY = 'k';

afterEach(() => {
  vi.useRealTimers();
});

/** Sends a recording to a new tenant; returns the graphs and runs that result. */
async function play(requests: readonly RecordedRequest[]) {
  const name = `t-${crypto.randomUUID()}`;
  const stub = env.TENANT.getByName(name);
  const endpoints = [{ url: 'http://127.0.0.1:9/v1', slots: 100 }];
  setTime(0);
  const config = {
    backends: {
      coder: { models: ['coder'], endpoints },
      embedder: { models: ['embedder'], endpoints },
    },
    keys: [{ id: KEY, sha256: await sha256Hex(name) }],
  };
  const { version } = JSON.parse(await stub.putConfig(JSON.stringify(config)));
  const tickets = new Map<RecordedRequest, { report(result: CallResult): Promise<unknown> }>();
  for (const { at, request, ends } of eventsOf(requests)) {
    setTime(at);
    if (ends) {
      await tickets.get(request)?.report(resultOf(request));
      continue;
    }
    const call = await callOf(request, START + at);
    const admitted = await stub.enqueue({ call, keyId: KEY, version });
    if (!('ticket' in admitted) || !admitted.ticket) throw new Error(JSON.stringify(admitted));
    tickets.set(request, admitted.ticket);
  }
  // Long after the last call, when every run has ended.
  setTime(10_000_000);
  await runDurableObjectAlarm(stub);
  const { applications } = JSON.parse((await stub.view('pdgraph')) ?? '{}');
  const lines = (await new Response(await stub.runs()).text()).trim().split('\n');
  return {
    apps: applications as Application[],
    runs: lines.map((line) => JSON.parse(line)) as Array<{ units: Array<{ unit: string }> }>,
  };
}

function eventsOf(requests: readonly RecordedRequest[]) {
  return requests
    .flatMap((request) => [
      { at: request.at, request, ends: false },
      { at: request.end, request, ends: true },
    ])
    .sort((a, b) => a.at - b.at);
}

async function callOf(recorded: RecordedRequest, arrivedAt: number) {
  const { api, headers, body } = recorded;
  if ('session' in recorded) {
    const [call] = await callsOf({ about: '', requests: [recorded as never] }, KEY);
    if (!call) throw new Error('no call');
    return { ...call.request, backend: 'coder', callId: crypto.randomUUID(), arrivedAt };
  }
  const fields = body as Record<string, unknown>;
  const who = await identify(new Headers(Object.entries(headers)), hintsOf(api, fields), KEY);
  if (!who.ok) throw new Error(JSON.stringify(who.error));
  const plan = {
    backend: String(fields.model),
    kind: 'llm' as const,
    inputTokens: 100,
    identity: who.identity,
    content: JSON.stringify(body),
  };
  return callRequestOf(plan, crypto.randomUUID(), arrivedAt);
}

function resultOf({ at, end, usage, failed, ...said }: RecordedRequest): CallResult {
  const text = textPrint(said.answer ?? '');
  return {
    outcome: failed ? 'failed' : 'ok',
    endpointFault: false,
    cold: false,
    serviceMs: end - at,
    ...(said.toolCalls ? { toolCalls: said.toolCalls } : {}),
    ...(text ? { text } : {}),
    ...(usage ? { inputTokens: usage.input_tokens, outputTokens: usage.output_tokens } : {}),
  };
}

function setTime(at: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: START + at });
}

/** The unit that a run is in at one of its steps. */
function unitAt(runs: Array<{ units: Array<{ unit: string }> }>, run: number, step: number) {
  return runs[run]?.units[step]?.unit ?? 'none';
}

function graphOf(app: Application | undefined) {
  const units = new Map((app?.units ?? []).map((u) => [u.unit, u]));
  return {
    visits: (unit: string) => units.get(unit)?.visits,
    calls: (unit: string) => units.get(unit)?.calls_per_visit.mean,
    next: (unit: string) =>
      Object.fromEntries(
        (units.get(unit)?.next ?? []).map((n) => [n.unit ?? 'end', n.probability]),
      ),
  };
}

describe('a coding agent', () => {
  it('is one application: a title, a loop, a search agent; a retried call counts once', async () => {
    const { apps, runs } = await play(codingAgent.requests);
    expect(apps).toHaveLength(1);
    expect(apps[0]).toMatchObject({ runs: 2 });
    expect(apps[0]?.units).toHaveLength(3);
    const [title, main, search] = [0, 1, 2].map((step) => unitAt(runs, 0, step)) as [
      string,
      string,
      string,
    ];
    const order = [title, main, search, search, main, main, main];
    // On another day and in another directory: the same units.
    for (const run of runs) expect(run.units.map((u) => u.unit)).toEqual(order);
    const graph = graphOf(apps[0]);
    expect([title, main, search].map(graph.visits)).toEqual([2, 8, 4]);
    expect(graph.calls(main)).toBe(1);
    expect(graph.next(title)).toEqual({ [main]: 1 });
    expect(graph.next(main)).toEqual({ [search]: 0.25, [main]: 0.5, end: 0.25 });
    expect(graph.next(search)).toEqual({ [search]: 0.5, [main]: 0.5 });
  });

  it('on the Responses API is a run for each conversation', async () => {
    const { apps, runs } = await play(responsesAgent.requests);
    expect(apps).toMatchObject([{ runs: 2, units: [{ visits: 6 }] }]);
    expect(runs.map((r) => r.units.length)).toEqual([3, 3]);
    const only = unitAt(runs, 0, 0);
    const { [only]: again, end } = graphOf(apps[0]).next(only);
    expect(again).toBeCloseTo(2 / 3);
    expect(end).toBeCloseTo(1 / 3);
  });

  it('that sends no names is a run for each task, also for a repeated one', async () => {
    const { apps, runs } = await play(unnamedAgent.requests);
    expect(apps).toMatchObject([
      { runs: 3, units: [{ visits: 10, calls_per_visit: { mean: 1 } }] },
    ]);
    expect(runs.map((r) => r.units.length).sort()).toEqual([3, 3, 4]);
  });
});

describe('a recorded client', () => {
  it.each([
    ['Claude Code', claudeCode, 2],
    ['OpenCode', openCode, 3],
    ['Qwen Code', qwenCode, 1],
    ['pi', pi, 1],
  ])('%s is one application with a label, and each session a run', async (label, client, units) => {
    const { apps, runs } = await play(client.requests as never);
    expect(apps).toMatchObject([{ label }]);
    expect(apps[0]?.units).toHaveLength(units);
    for (const unit of apps[0]?.units ?? []) expect(unit).toHaveProperty('label');
    expect(runs).toHaveLength(5);
    expect(runs.every((run) => 'label' in run && run.label === label)).toBe(true);
  });

  it('that chains its calls is one run a session, once it was seen', async () => {
    const { runs } = await play(langgraph.requests as never);
    const lengths = runs.map((run) => run.units.length).sort();
    expect(lengths).toEqual([1, 2, 3, 4, 4, 4]);
  });
});

describe('a chain', () => {
  it('is a graph of its steps, with the fan-out as one visit', async () => {
    const { apps, runs } = await play(mapReduceChain.requests);
    expect(apps).toHaveLength(1);
    expect(apps[0]).toMatchObject({ runs: 3 });
    for (const run of runs) expect(run.units).toHaveLength(4);
    const [plan, map, reduce, check] = [0, 1, 2, 3].map((step) => unitAt(runs, 0, step)) as [
      string,
      string,
      string,
      string,
    ];
    expect(new Set([plan, map, reduce, check]).size).toBe(4);
    const graph = graphOf(apps[0]);
    for (const unit of [plan, map, reduce, check]) expect(graph.visits(unit)).toBe(3);
    expect(graph.calls(map)).toBeCloseTo(11 / 3);
    expect(graph.calls(plan)).toBe(1);
    expect(graph.next(plan)).toEqual({ [map]: 1 });
    expect(graph.next(map)).toEqual({ [reduce]: 1 });
    expect(graph.next(reduce)).toEqual({ [check]: 1 });
    expect(graph.next(check)).toEqual({ end: 1 });
  });
});

describe('traffic that shares one user', () => {
  it('is a run for each conversation, and embeddings are apart', async () => {
    const { apps, runs } = await play(oneUserForAll.requests);
    expect(apps).toHaveLength(2);
    expect(apps.map((a) => a.runs).sort()).toEqual([3, 3]);
    expect(apps.every((a) => a.units.length === 1)).toBe(true);
    expect(runs.map((r) => r.units.length).sort()).toEqual([1, 1, 1, 1, 2, 3]);
  });
});
