/**
 * Joins a sub-agent's conversation to the run whose tool call began it, where the client sends no
 * sign of that: the text that the tool call has as an argument is what the conversation begins with.
 * One conversation is joined for each tool call. A conversation of the same kind as the one that
 * asked, or as the one that began the run, is another session that begins with the same words.
 */

import type { CallRequest } from '../runs/call-request.ts';
import type { ToolTask } from '../runs/call-result.ts';
import { FairRecentMap } from '../runs/fair-recent-map.ts';
import type { LiveRun } from '../runs/live-run.ts';

/** Most texts that are remembered, of all API keys together. */
const MAX_TASKS = 16_384;
/** Most tool calls that are remembered for one text; the oldest are forgotten. */
const MAX_GIVEN = 64;
/** Most beginnings of sub-agents' conversations that are known of one run. */
const MAX_BEGINNINGS = 256;
/** Most runs that are looked at for a call that brings no known id. */
const MAX_COMPARED = 1_000;

/** A text that a tool call of an answer has as an argument. */
interface Given {
  readonly runId: string;
  /** Of the call whose answer it was. */
  readonly unit: string;
  readonly toolCall: string;
  /** The call with which a sub-agent's conversation began. */
  takenBy: string | undefined;
}

export class SubAgents {
  readonly #runs: ReadonlyMap<string, LiveRun>;
  readonly #given = new FairRecentMap<readonly Given[]>(MAX_TASKS);
  /** Runs by the beginning of a sub-agent's conversation, with its messages at the beginning. */
  readonly #runsOf = new Map<string, Map<LiveRun, number>>();
  readonly #beginningsOf = new Map<LiveRun, Set<string>>();

  constructor(runs: ReadonlyMap<string, LiveRun>) {
    this.#runs = runs;
  }

  /** An answer to a call of the run asked for tool calls with these texts. */
  handedOut(run: LiveRun, request: CallRequest, tasks: readonly ToolTask[]): void {
    const { unit, keyId = '' } = request;
    for (const [print, toolCall] of tasks) {
      const key = keyOf(request, print);
      const given = (this.#given.get(key) ?? []).filter((g) => this.#runs.has(g.runId));
      const all = [...given, { runId: run.id, unit, toolCall, takenBy: undefined }];
      this.#given.set(key, all.slice(-MAX_GIVEN), keyId);
    }
  }

  /** The run whose tool call began the conversation that begins with the call. Changes nothing. */
  parentOf(request: CallRequest): LiveRun | undefined {
    const given = this.#freeFor(request);
    return given && this.#runs.get(given.runId);
  }

  /** The run with a sub-agent's conversation with which the call goes on. Changes nothing. */
  goesOnIn(request: CallRequest, other?: LiveRun): LiveRun | undefined {
    const { runId, turn, unit, cameBack = [] } = request;
    if (turn === undefined) return undefined;
    let best: LiveRun | undefined;
    let compared = 0;
    for (const [run, began] of this.#runsOf.get(keyOf(request, runId)) ?? []) {
      compared += 1;
      if (compared > MAX_COMPARED) break;
      if (run === other || turn <= began) continue;
      if (cameBack.some((id) => run.awaited.has(id))) return run;
      if (cameBack.length > 0 && run.awaited.hasOf(unit)) continue;
      if (!best || run.lastActiveAt < best.lastActiveAt) best = run;
    }
    return best;
  }

  /** Runs with a sub-agent whose conversation begins like that of the call. */
  runsOf(request: CallRequest): Iterable<LiveRun> {
    return this.#runsOf.get(keyOf(request, request.runId))?.keys() ?? [];
  }

  /** True where the conversation that the call names is one of a sub-agent of the run. */
  has(run: LiveRun, request: CallRequest): boolean {
    return this.#beginningsOf.get(run)?.has(keyOf(request, request.runId)) ?? false;
  }

  /** The call was found to belong to the run. */
  joined(run: LiveRun, request: CallRequest): void {
    const given = this.#freeFor(request);
    if (given?.runId !== run.id) return;
    given.takenBy = request.callId;
    if (request.turn === undefined) return;
    const key = keyOf(request, request.runId);
    const beginnings = this.#beginningsOf.get(run) ?? new Set();
    if (beginnings.size >= MAX_BEGINNINGS) return;
    this.#beginningsOf.set(run, beginnings.add(key));
    const runs = this.#runsOf.get(key) ?? new Map<LiveRun, number>();
    this.#runsOf.set(key, runs.set(run, Math.max(request.turn, runs.get(run) ?? 0)));
  }

  /** The call did not succeed: the conversation that it would have begun may begin again. */
  failed(request: CallRequest): void {
    for (const print of request.tasks ?? []) {
      for (const given of this.#given.get(keyOf(request, print)) ?? []) {
        if (given.takenBy === request.callId) given.takenBy = undefined;
      }
    }
  }

  closed(run: LiveRun): void {
    for (const key of this.#beginningsOf.get(run) ?? []) {
      const runs = this.#runsOf.get(key);
      runs?.delete(run);
      if (runs?.size === 0) this.#runsOf.delete(key);
    }
    this.#beginningsOf.delete(run);
  }

  /** The tool call that the call's conversation may have begun with: one that is awaited, if any. */
  #freeFor(request: CallRequest): Given | undefined {
    const { unit } = request;
    for (const print of request.tasks ?? []) {
      let free: Given | undefined;
      for (const given of this.#given.get(keyOf(request, print)) ?? []) {
        const run = this.#runs.get(given.runId);
        if (!run || given.takenBy !== undefined) continue;
        if (given.unit === unit || run.visits[0]?.unit === unit) continue;
        if (run.awaited.has(given.toolCall)) return given;
        free ??= given;
      }
      if (free) return free;
    }
    return undefined;
  }
}

function keyOf({ keyId = '' }: CallRequest, what: string): string {
  return `${keyId}\n${what}`;
}
