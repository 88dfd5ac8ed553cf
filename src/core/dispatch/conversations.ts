/**
 * Tells conversations apart that begin alike. A client that names no session is known by the
 * beginning of its conversation, which many conversations may share: the same prompt is asked twice
 * at a time, and a conversation forks. Four facts tell them apart:
 *
 * - Ids that an answer handed out (of tool calls, of a response) come back with the next call.
 * - A conversation is sequential: while a call of it is under way, a call like it is of another one.
 * - A conversation grows: a call that is no longer than what a run has seen is of another one.
 * - A sub-agent's conversation begins with the text of a tool call (sub-agents.ts).
 *
 * A call that fits no run begins one, with a name of its own where that of the conversation is taken.
 * In doubt a conversation is split rather than two are merged (docs/decisions.md).
 */

import type { CallRequest } from '../runs/call-request.ts';
import { FairRecentMap } from '../runs/fair-recent-map.ts';
import type { LiveRun } from '../runs/live-run.ts';
import type { SubAgents } from './sub-agents.ts';

/** Most ids that are remembered, of all API keys together. */
const MAX_IDS = 65_536;
/** Longest id that is told from others: more of it is not compared. */
const MAX_ID_CHARS = 64;
/** Most runs of one beginning that are looked at for a call that brings no known id. */
const MAX_COMPARED = 1_000;
/** Most beginnings that are remembered of conversations that are over, of all API keys together. */
const MAX_OVER = 16_384;
/** Handed out by several runs, so it names none. */
const SEVERAL = '';

interface Over {
  /** Of the run with such a beginning that ended last. */
  readonly runId: string;
  readonly turn: number;
  /** Number in the name of the next run with such a beginning. */
  readonly next: number;
}

interface Family {
  readonly runs: Set<LiveRun>;
  /** Number in the name of the next run whose conversation begins like another's. */
  next: number;
}

export class Conversations {
  /** Open runs by the beginning of their conversation. */
  readonly #families = new Map<string, Family>();
  /** Id of the run by an id that one of its answers handed out. */
  readonly #ownerOf = new FairRecentMap<string>(MAX_IDS);
  readonly #over = new FairRecentMap<Over>(MAX_OVER);
  readonly #runs: ReadonlyMap<string, LiveRun>;
  readonly #subAgents: SubAgents;

  constructor(runs: ReadonlyMap<string, LiveRun>, subAgents: SubAgents) {
    this.#runs = runs;
    this.#subAgents = subAgents;
  }

  /** The id of the run that a call belongs to, which may not be open. Changes nothing. */
  runIdOf(request: CallRequest): string {
    const { runId, cameBack = [], placed } = request;
    if (placed || !isConversation(request)) return runId;
    let other: LiveRun | undefined;
    for (const id of cameBack) {
      const owner = this.#ownerOf.get(keyOf(request, id));
      if (owner === undefined || owner === SEVERAL) continue;
      const run = this.#runs.get(owner);
      // A run that ended by silence goes on under its name.
      if (!run || goesOn(run, request, id)) return owner;
      other = run;
      break;
    }
    const run =
      this.#repeated(request) ??
      this.#subAgents.parentOf(request) ??
      this.#similar(request, other) ??
      this.#subAgents.goesOnIn(request, other);
    return run?.id ?? this.#newId(request);
  }

  /** An answer to a call of the run handed out these ids. */
  handedOut(run: LiveRun, keyId: string, ids: readonly string[]): void {
    for (const id of ids) {
      const key = keyOf({ keyId, runId: run.conversation ?? run.id }, id);
      const owner = this.#ownerOf.get(key);
      const isOthers = owner !== undefined && owner !== run.id;
      this.#ownerOf.set(key, isOthers ? SEVERAL : run.id, keyId);
    }
  }

  opened(run: LiveRun): void {
    const { conversation: name } = run;
    if (name === undefined) return;
    const next = this.#over.get(name)?.next ?? 2;
    const family = this.#families.get(name) ?? { runs: new Set(), next };
    this.#families.set(name, family);
    family.runs.add(run);
    if (run.id !== name) family.next = Math.max(family.next, 1 + numberIn(run.id, name));
  }

  closed(run: LiveRun): void {
    const name = run.conversation ?? '';
    const family = this.#families.get(name);
    if (!family?.runs.delete(run)) return;
    const { next } = family;
    this.#over.set(name, { runId: run.id, turn: run.turn ?? 0, next }, run.keyId);
    if (family.runs.size === 0) this.#families.delete(name);
  }

  /** The run that made the call before. */
  #repeated(request: CallRequest): LiveRun | undefined {
    const { runId, keyId = '' } = request;
    let compared = 0;
    for (const run of this.#families.get(runId)?.runs ?? []) {
      if (run.keyId === keyId && repeats(run, request)) return run;
      compared += 1;
      if (compared >= MAX_COMPARED) break;
    }
    for (const run of this.#subAgents.runsOf(request)) {
      if (repeats(run, request)) return run;
      compared += 1;
      if (compared >= 2 * MAX_COMPARED) break;
    }
    return undefined;
  }

  /** The run that a call without a known id may go on with. */
  #similar(request: CallRequest, other: LiveRun | undefined): LiveRun | undefined {
    let best: LiveRun | undefined;
    let compared = 0;
    for (const run of this.#families.get(request.runId)?.runs ?? []) {
      if (run === other || run.keyId !== (request.keyId ?? '')) continue;
      if (mayGoOn(run, request) && (!best || isLikelier(run, best, request))) best = run;
      compared += 1;
      if (compared >= MAX_COMPARED) break;
    }
    return best;
  }

  /** The id of a run that begins, or of one that ended by silence and goes on. */
  #newId({ runId: name, turn }: CallRequest): string {
    const over = this.#over.get(name);
    const goesOn = turn === undefined || (over && turn > over.turn);
    if (goesOn && over && !this.#runs.has(over.runId)) return over.runId;
    if (!this.#runs.has(name) && (!over || turn === undefined)) return name;
    return `${name}~${this.#families.get(name)?.next ?? over?.next ?? 2}`;
  }
}

/** True where the run's name is that of its conversation's beginning, or ids alone tell the run. */
export function isConversation({ turn, cameBack }: CallRequest): boolean {
  return turn !== undefined || cameBack !== undefined;
}

/** True where a call that brings `id` back, which the run handed out, goes on with the run. */
function goesOn(run: LiveRun, request: CallRequest, id: string): boolean {
  if (run.awaited.has(id) || request.turn === undefined) return true;
  // A call beside the loop, as for a summary of all that was said.
  if (!run.hasVisited(request.unit)) return true;
  return repeats(run, request) || mayGoOn(run, request);
}

/** True where the call may be the next of the run's conversation. */
function mayGoOn(run: LiveRun, { turn = 0, unit, cameBack = [] }: CallRequest): boolean {
  if (turn <= (run.turn ?? 0) || run.isBusyWith(unit)) return false;
  if (cameBack.length === 0 || !run.awaited.hasOf(unit)) return true;
  return cameBack.some((id) => run.awaited.has(id));
}

/** True where the call was made before: it failed, or its client declares that it is sent again. */
function repeats(run: LiveRun, { print, retry }: CallRequest): boolean {
  if (print === undefined) return false;
  if (run.hasFailed(print)) return true;
  return retry === true && (run.hasEnded(print) || run.isBusyWithPrint(print));
}

/**
 * True where `run` is the likelier of two runs that a call may go on with: the results that it awaits
 * come back, or it awaits none; then the one with the longer conversation; then the one that has been
 * idle for longer.
 */
function isLikelier(run: LiveRun, best: LiveRun, { unit, cameBack = [] }: CallRequest): boolean {
  const doubt = ({ awaited }: LiveRun) => {
    if (cameBack.some((id) => awaited.has(id))) return 0;
    return awaited.hasOf(unit) ? 2 : 1;
  };
  const [own, others] = [doubt(run), doubt(best)];
  if (own !== others) return own < others;
  const [turn, bestTurn] = [run.turn ?? 0, best.turn ?? 0];
  if (turn !== bestTurn) return turn > bestTurn;
  return run.lastActiveAt < best.lastActiveAt;
}

/**
 * The key of an id within its API key. Some engines number tool calls anew in each answer, and some
 * name them like the tool: such an id says nothing beyond conversations that begin alike.
 */
function keyOf({ keyId = '', runId }: Pick<CallRequest, 'keyId' | 'runId'>, id: string): string {
  const told = id.slice(0, MAX_ID_CHARS);
  return JSON.stringify(isUnique(told) ? [keyId, told] : [keyId, told, runId]);
}

/** True for an id whose last part is made by chance, as in `call_8f3kd02m` and `toolu_01Ab…`. */
export function isUnique(id: string): boolean {
  const last = id.split(/[_:.\s-]/).at(-1) ?? '';
  return last.length >= 8 && /\d/.test(last) && /[A-Za-z]/.test(last);
}

function numberIn(id: string, name: string): number {
  const number = Number(id.slice(name.length + 1));
  return id.startsWith(`${name}~`) && Number.isSafeInteger(number) ? number : 1;
}
