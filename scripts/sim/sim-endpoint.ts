/**
 * The endpoint of a backend in a simulation, seen from the dispatcher: it serves calls and answers
 * wakes. `PlainEndpoint` is as configured; one whose platform behaves otherwise is in
 * platform-endpoint.ts.
 */
import type { DispatchEvent, Effect } from '../../src/core/dispatch/dispatch-events.ts';
import type { CallResult } from '../../src/core/runs/call-result.ts';
import type { CallRecord } from '../../src/core/runs/recorded-run.ts';
import { ColdState } from '../gpu/cold-state.ts';
import type { SimBackend } from './cluster.ts';
import type { Kind } from './event-heap.ts';

/** Id of the one endpoint of each simulated backend. */
export const ENDPOINT = 'endpoint';

export type WakeOrder = Extract<Effect, { type: 'wake' }>;

/** A call of a run; a client that was refused sends the same one again. */
export interface SimCall {
  readonly backend: string;
  readonly record: CallRecord;
  /** Time that it is in service, ms. */
  readonly serviceMs: number;
  /** Time up to its submission in which its endpoint could not serve, ms. */
  notWarmMs: number;
}

/** What an endpoint needs of the simulation. */
export interface EndpointWorld {
  now(): number;
  /** The dispatcher's clock, ms. */
  wallMs(): number;
  at(time: number, kind: Kind, act: () => void): void;
  tell(event: DispatchEvent): void;
  /**
   * An attempt has ended. `again`: without success, and another attempt is wanted. `isLast`: where
   * none is made, the client gets the endpoint's own error, after which it does not ask again.
   */
  ended(callId: string, result: CallResult, again: boolean, isLast?: boolean): void;
}

export interface SimEndpoint {
  /** Times that calls found it cold and no wake ahead of need on its way. */
  readonly coldStarts: number;
  /** Time that calls waited because it was not warm, ms. */
  readonly coldWaitMs: number;
  /** Wakes ahead of need. */
  readonly pings: number;
  /** A call joins the dispatcher's queue. */
  submitted(call: SimCall): void;
  /** A call is sent. */
  serve(callId: string, call: SimCall): void;
  wake(order: WakeOrder): void;
  release(): void;
  /** Time that it has been loading or warm so far, ms. */
  warmMsUntil(at: number): number;
  /** The dispatcher's process died, and what it was waiting for with it. */
  restarted(): void;
}

export function tokensOf(record: CallRecord): Pick<CallResult, 'inputTokens' | 'outputTokens'> {
  if ('service_ms' in record) return {};
  return { inputTokens: record.input_tokens, outputTokens: record.output_tokens };
}

export class PlainEndpoint implements SimEndpoint {
  coldStarts = 0;
  coldWaitMs = 0;
  pings = 0;
  readonly #backend: string;
  readonly #cold: ColdState;
  readonly #world: EndpointWorld;

  constructor(backend: string, model: SimBackend, world: EndpointWorld) {
    this.#backend = backend;
    this.#cold = coldStateOf(model);
    this.#world = world;
  }

  submitted(): void {
    // Calls are sent to a cold endpoint at once, so their waits begin when they are sent.
  }

  serve(callId: string, call: SimCall): void {
    const now = this.#world.now();
    const wasCold = this.#cold.stateAt(now) === 'cold';
    const beginsAt = this.#cold.touch(now);
    // In this order of additions, so that sums are the same to the last bit as they ever were.
    this.coldWaitMs = this.coldWaitMs + beginsAt - now;
    if (wasCold) {
      this.coldStarts += 1;
      this.#tellWarm(beginsAt);
    }
    this.#cold.serviceStarted(beginsAt);
    this.#world.at(beginsAt + call.serviceMs, 'end', () => {
      this.#cold.serviceEnded(this.#world.now());
      const { serviceMs, record } = call;
      const result = { outcome: 'ok', endpointFault: false, cold: false, serviceMs } as const;
      this.#world.ended(callId, { ...result, ...tokensOf(record) }, false);
    });
  }

  wake(): void {
    const now = this.#world.now();
    this.#world.at(now, 'ping', () => {
      this.pings += 1;
      this.#tellWarm(this.#cold.touch(this.#world.now()));
    });
  }

  release(): void {
    this.#cold.release(this.#world.now());
  }

  warmMsUntil(at: number): number {
    return this.#cold.warmMsUntil(at);
  }

  restarted(): void {
    // Nothing is on its way: a wake is answered by an event that the simulation keeps.
  }

  #tellWarm(at: number): void {
    const event = { type: 'wake-answered', backend: this.#backend, endpoint: ENDPOINT } as const;
    this.#world.at(at, 'ping', () => this.#world.tell({ ...event, ok: true }));
  }
}

function coldStateOf({ coldStartMs, idleTimeoutMs }: SimBackend): ColdState {
  if (coldStartMs === undefined) return new ColdState(undefined);
  return new ColdState({ coldStartMs, idleTimeoutMs: idleTimeoutMs ?? Infinity });
}
