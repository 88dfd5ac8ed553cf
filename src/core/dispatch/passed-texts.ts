/**
 * Joins calls by texts: what one call answered is the input of the next, as in a chain whose
 * framework sends no other sign. A call without a name is a run of its own and ends with its answer,
 * so nothing could join it: once an answer of a unit was passed on, later runs that begin with that
 * unit stay open for a silence.
 */

import type { CallRequest } from '../runs/call-request.ts';
import { FairRecentMap } from '../runs/fair-recent-map.ts';
import type { LiveRun } from '../runs/live-run.ts';

/** Most texts and units that are remembered, of all API keys together. */
const MAX_TEXTS = 16_384;
const MAX_UNITS = 4_096;
/** Most runs that said the same, the newest. */
const MAX_SPEAKERS = 16;

interface Speaker {
  readonly runId: string;
  readonly unit: string;
}

export class PassedTexts {
  readonly #runs: ReadonlyMap<string, LiveRun>;
  readonly #saidBy = new FairRecentMap<readonly Speaker[]>(MAX_TEXTS);
  /** Units, within an API key, whose answers were passed on. */
  readonly #passedOn = new FairRecentMap<true>(MAX_UNITS);

  constructor(runs: ReadonlyMap<string, LiveRun>) {
    this.#runs = runs;
  }

  /** The id of the open run that said what the call has as its input. Changes nothing. */
  runIdOf(request: CallRequest): string | undefined {
    for (const text of request.texts ?? []) {
      const open = this.#speakers(request, text).flatMap(
        ({ runId }) => this.#runs.get(runId) ?? [],
      );
      // Runs of the same prompt may say the same: each goes on once, as far as there are several.
      const next = open.find((run) => !run.hasVisited(request.unit));
      const run = next ?? open.at(-1);
      if (run) return run.id;
    }
    return undefined;
  }

  /** A call was submitted: the units whose answers it has as its input are passed on. */
  heard(request: CallRequest): void {
    for (const text of request.texts ?? []) {
      for (const { unit } of this.#speakers(request, text)) {
        this.#passedOn.set(keyOf(request, unit), true, request.keyId ?? '');
      }
    }
  }

  /** True where an answer to such a call is usually passed on. */
  isPassedOn(request: CallRequest): boolean {
    return this.#passedOn.get(keyOf(request, request.unit)) === true;
  }

  /** A call of the run was answered with a text. */
  said(run: LiveRun, request: CallRequest, text: string): void {
    const speakers = this.#speakers(request, text).filter(({ runId }) => runId !== run.id);
    const all = [...speakers, { runId: run.id, unit: request.unit }].slice(-MAX_SPEAKERS);
    this.#saidBy.set(keyOf(request, text), all, request.keyId ?? '');
  }

  #speakers(request: CallRequest, text: string): readonly Speaker[] {
    return this.#saidBy.get(keyOf(request, text)) ?? [];
  }
}

function keyOf({ keyId = '' }: CallRequest, what: string): string {
  return `${keyId}\n${what}`;
}
