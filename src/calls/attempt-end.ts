/**
 * The end of one attempt at an endpoint: its slot is released by exactly one report, however it ends.
 * What the endpoint did is decided in `forward.ts`; the lease is renewed by `watchdog.ts` until then.
 */

import { given } from '../http/given.ts';
import type { CallResult } from '../protocol/admission.ts';
import type { Slot } from './admission.ts';
import type { UntimedResult } from './attempt-result.ts';

/** Time that a cancellation takes to reach the endpoint, ms; a new call must not overtake it. */
const CANCEL_GRACE_MS = 20;

/** What an end says of the endpoint beside its outcome. */
export type EndDetails = Partial<Omit<UntimedResult, 'outcome'>>;

export interface EndOptions {
  readonly slot: Slot;
  /** Stops the time limits, and the renewal of the lease. */
  readonly stop: () => void;
  /** What the answer showed. */
  readonly measured: (outcome: CallResult['outcome']) => Partial<CallResult>;
  /** Called when the result was reported and nothing is left of the call. */
  readonly onOver: () => void;
}

export class AttemptEnd {
  /** When the call was sent, epoch ms. */
  readonly startedAt = Date.now();
  /** Calls that waited in the endpoint's engine when it answered. */
  queuedThere: number | undefined;
  /** What is left to do with the endpoint's connection when the answer is over. */
  letGo: Promise<void> | undefined;
  readonly #options: EndOptions;
  #ended: Promise<void> | undefined;

  constructor(options: EndOptions) {
    this.#options = options;
  }

  /** Resolves when the report was made; undefined while the attempt goes on. */
  get ended(): Promise<void> | undefined {
    return this.#ended;
  }

  get serviceMs(): number {
    return Date.now() - this.startedAt;
  }

  /** Releases the slot; only the first call of these has an effect. */
  report(outcome: CallResult['outcome'], details: EndDetails = {}): Promise<void> {
    this.#ended ??= this.#report(outcome, details);
    return this.#ended;
  }

  /** The endpoint learns of a cancellation a moment later; its slot is not free until then. */
  cancelled(): Promise<void> {
    this.#ended ??= this.#reportCancelled();
    return this.#ended;
  }

  /** The caller decides what follows, and releases the slot. */
  unreported(): void {
    this.#ended = Promise.resolve();
    this.#options.stop();
  }

  async #reportCancelled(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, CANCEL_GRACE_MS));
    await this.#report('cancelled', {});
  }

  async #report(outcome: CallResult['outcome'], details: EndDetails): Promise<void> {
    const { slot, measured, stop, onOver } = this.#options;
    const { queuedThere } = this;
    stop();
    try {
      await slot.report({
        outcome,
        endpointFault: false,
        cold: false,
        serviceMs: this.serviceMs,
        ...details,
        ...given({ queuedThere }),
        ...measured(outcome),
      });
      await this.letGo;
    } finally {
      onOver();
    }
  }
}
