/**
 * A backend's line as the console shows it: the waiting runs in the order in force, each with its
 * place and why it is there. Only formatting, and nothing is learned from looking.
 */
import type { Backend } from '../../../src/core/backends/backend.ts';
import type { Dispatcher } from '../../../src/core/dispatch/dispatcher.ts';
import { queueRankOf } from '../../../src/core/dispatch/queue-rank.ts';
import type { PolicyName } from '../../../src/core/order/policies/registry.ts';
import { POLICIES } from '../../../src/core/order/policies/registry.ts';
import type { WaitingRun as Waiting } from '../../../src/core/order/waiting-queue.ts';
import { sequencesOf } from '../../../src/core/runs/call-request.ts';
import type { LiveCall } from '../../../src/core/runs/live-run.ts';
import type { LinePage, WaitingRun } from '../../../src/protocol/console/now.ts';
import { type WhyReason, whyWords } from '../../../src/protocol/console/why.ts';
import { type LineState, RowsAhead, reasonsOf, type Standing } from './line-reasons.ts';

/** The order in force. */
export interface OrderShown {
  readonly policy: PolicyName;
  readonly alpha: number;
}

export interface LineWanted {
  /** Rows with a position up to this one are left out. */
  readonly after: number;
  readonly limit: number;
  readonly now: number;
}

export function linePage(
  dispatcher: Dispatcher,
  backend: Backend,
  order: OrderShown,
  { after, limit, now }: LineWanted,
): LinePage {
  const rows: WaitingRun[] = [];
  const ahead = new RowsAhead();
  const line = lineState(backend, now);
  const beside = [...backend.pausingCalls(), ...backend.adapterCalls.parked.calls()];
  const total = backend.queue.runs + beside.length;
  const end = after + limit;
  let index = 0;
  for (const waiting of backend.queue.inOrder()) {
    if (index >= end) break;
    const row = standingOf(waiting, index, backend, order, now);
    if (index >= after) {
      const { rankMs, boundMs } = dispatcher.queueRank(waiting.head) ?? row;
      const why = reasonsOf({ ...row, boundMs }, ahead, line, order.policy);
      const eta = after === 0 ? dispatcher.placeSeen(waiting.head, now) : undefined;
      rows.push({
        ...shown(waiting.head, waiting.calls.length, index + 1, why),
        rankMs: Math.round(rankMs),
        boundMs: boundMs === undefined ? null : Math.round(boundMs),
        ...(eta ? { expectedWaitMs: Math.round(eta.waitMs) } : {}),
      });
    }
    ahead.add(row);
    index += 1;
  }
  for (const call of beside.slice(Math.max(0, after - index), Math.max(0, end - index))) {
    const place = dispatcher.placeSeen(call, now);
    rows.push({
      ...shown(call, 1, total, [reasonBeside(call, place?.waitMs)]),
      ...(place ? { expectedWaitMs: Math.round(place.waitMs) } : {}),
    });
  }
  return { rows, total, ...(end < total ? { after: String(end) } : {}) };
}

/** Why a call waits beside the queue: for its adapter, or for the end of a pause. */
function reasonBeside({ request }: LiveCall, adapterMs: number | undefined): WhyReason {
  if (adapterMs === undefined) return { kind: 'pausing' };
  return { kind: 'adapter-loading', adapter: request.adapter ?? '', inMs: Math.round(adapterMs) };
}

/** What keeps all calls of a line from a slot, if anything does. */
function lineState(backend: Backend, now: number): LineState {
  let [isWarming, openUntil, hasOpen] = [false, Infinity, false];
  for (const endpoint of backend.endpoints.values()) {
    if (endpoint.state === 'draining') continue;
    isWarming ||= endpoint.state === 'warming';
    const until = endpoint.trust.openUntil(now);
    if (until > now) openUntil = Math.min(openUntil, until);
    else hasOpen = true;
  }
  if (!hasOpen && Number.isFinite(openUntil)) {
    return { kind: 'circuit-open', untilMs: openUntil - now };
  }
  if (!backend.pool.isWarm) {
    return {
      kind: 'endpoint-cold',
      startsInMs: isWarming ? Math.round(backend.pool.startMs(now)) : null,
    };
  }
  const { slots } = backend;
  const isBusy = !backend.choice.hasFree(now) && Number.isFinite(slots);
  return isBusy ? { kind: 'slots-busy', slots } : { kind: 'open' };
}

function standingOf(
  { run, head, key, urgent = false }: Waiting,
  index: number,
  backend: Backend,
  { policy, alpha }: OrderShown,
  now: number,
): Standing {
  const { heldFor, heldUntil } = head.placed;
  const keyId = head.request.keyId ?? '';
  return {
    index,
    rankMs: queueRankOf(key, key, run, POLICIES[policy], { alpha }).rankMs,
    arrivedAt: run.arrivedAt,
    now,
    urgent,
    deadlineAt: run.deadlineAt,
    boundMs: undefined,
    held: heldFor === undefined ? undefined : { endpoint: heldFor, until: heldUntil },
    keysBehind: backend.shares.isAhead(keyId, now) ? otherKeys(backend) : 0,
    sequences: sequencesOf(head.request),
    avoids: (head.avoid?.size ?? 0) > 0,
  };
}

function otherKeys(backend: Backend): number {
  let keys = -1;
  for (const _ of backend.queue.keys) keys += 1;
  return Math.max(1, keys);
}

function shown(
  call: LiveCall,
  calls: number,
  position: number,
  why: readonly WhyReason[],
): WaitingRun {
  const { run, request, visit } = call;
  return {
    backend: request.backend,
    run: run.id,
    app: run.app,
    ...(run.label === undefined ? {} : { label: run.label }),
    unit: request.unit,
    ...(visit.label === undefined ? {} : { unitLabel: visit.label }),
    calls,
    call: request.callId,
    key: request.keyId ?? '',
    position,
    rankMs: 0,
    boundMs: null,
    arrivedAt: run.arrivedAt,
    waitingSince: request.arrivedAt,
    deadlineAt: run.deadlineAt ?? null,
    why,
    whyWords: whyWords(why),
  };
}
