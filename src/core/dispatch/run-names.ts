/**
 * Which run in flight a call belongs to: the run that it names, the run of the session that began its
 * session, or the run of its conversation (conversations.ts). The runs themselves are in
 * run-register.ts.
 */
import type { CallRequest } from '../runs/call-request.ts';
import type { CallResult } from '../runs/call-result.ts';
import { FairRecentMap } from '../runs/fair-recent-map.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import { Conversations, isConversation } from './conversations.ts';
import { PassedTexts } from './passed-texts.ts';
import { SubAgents } from './sub-agents.ts';

/** Child sessions remembered, of all API keys together. */
const MAX_SESSIONS = 8_192;

export class RunNames {
  readonly #runs: ReadonlyMap<string, LiveRun>;
  readonly #conversations: Conversations;
  readonly #texts: PassedTexts;
  readonly #subAgents: SubAgents;
  /** Run id by the id of a child session, one that another session began. */
  readonly #rootOf = new FairRecentMap<string>(MAX_SESSIONS);

  constructor(runs: ReadonlyMap<string, LiveRun>) {
    this.#runs = runs;
    this.#subAgents = new SubAgents(runs);
    this.#conversations = new Conversations(runs, this.#subAgents);
    this.#texts = new PassedTexts(runs);
  }

  /** The id of the run that a call belongs to. Changes nothing. */
  idOf(request: CallRequest): string {
    const { runId, parentRunId } = request;
    if (request.placed) return runId;
    const root = this.rootOf(runId);
    // The first parent counts: a session that named others later would move between runs.
    const isNamed = request.turn === undefined && !request.sole;
    if (isNamed && (root !== runId || this.#runs.has(runId))) return root;
    if (request.sole || isConversation(request)) {
      const id = request.sole
        ? (this.#subAgents.parentOf(request)?.id ?? runId)
        : this.#conversations.runIdOf(request);
      return this.#runs.has(id) ? id : (this.#texts.runIdOf(request) ?? id);
    }
    return parentRunId === undefined ? runId : this.rootOf(parentRunId);
  }

  /** The id of the run that a session belongs to. */
  rootOf(sessionId: string): string {
    return this.#rootOf.get(sessionId) ?? sessionId;
  }

  /** The call with its run: one that is submitted again, after a restart too, stays there. */
  withRun(request: CallRequest, run: LiveRun): CallRequest {
    if (!request.sole && !isConversation(request)) return request;
    const { final } = request;
    const isLast = request.sole ? final && !this.#mayGoOn(request, run.id) : final;
    const { turn, ...rest } = request;
    // The messages of another conversation, as of a sub-agent, are not those of the run's.
    const isOwn = run.conversation === request.runId;
    return {
      ...rest,
      ...(turn !== undefined && isOwn ? { turn } : {}),
      ...(this.isSubAgent(run, request) ? { subAgent: true } : {}),
      runId: run.id,
      placed: true,
      final: isLast,
      ...(request.sole ? { sole: isLast } : {}),
    };
  }

  /** True where a call without a name may be followed by others of its run. */
  #mayGoOn(request: CallRequest, id: string): boolean {
    return id !== request.runId || this.#texts.isPassedOn(request);
  }

  /** A call was found to belong to the run of this id. */
  placed(request: CallRequest, id: string): void {
    const { runId, keyId = '', sole, turn } = request;
    const run = this.#runs.get(id);
    if (run && !request.placed) this.#subAgents.joined(run, request);
    this.#texts.heard(request);
    if (id !== runId && !sole && turn === undefined) this.#rootOf.set(runId, id, keyId);
  }

  /** True where the call is of a sub-agent's conversation within the run. */
  isSubAgent(run: LiveRun, request: CallRequest): boolean {
    return this.#subAgents.has(run, request);
  }

  /** A call did not succeed. */
  failed(request: CallRequest): void {
    this.#subAgents.failed(request);
  }

  opened(run: LiveRun): void {
    this.#conversations.opened(run);
  }

  closed(run: LiveRun): void {
    this.#conversations.closed(run);
    this.#subAgents.closed(run);
  }

  /** A call was answered: what it handed out will come back with a later call of the run. */
  answered({ run, request }: LiveCall, result: CallResult): void {
    const { toolCalls = [], responseId, tasks = [], text } = result;
    run.awaited.add(toolCalls.map((id) => [id, request.unit] as const));
    this.#subAgents.handedOut(run, request, tasks);
    if (text !== undefined) this.#texts.said(run, request, text);
    const ids = responseId === undefined ? toolCalls : [...toolCalls, responseId];
    this.#conversations.handedOut(run, request.keyId ?? '', ids);
  }

  /** A run was restored that awaits results of tools. */
  restored(run: LiveRun): void {
    this.opened(run);
    const ids = run.awaited.list().map(([id]) => id);
    this.#conversations.handedOut(run, run.keyId, ids);
  }
}
