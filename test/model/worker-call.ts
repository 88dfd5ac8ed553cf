/** What the model knows of one call's Worker, and how a tenant is configured in it. */
import type { Ticket } from '../../durable-objects/tenant/ticket.ts';
import type { EnqueueRequest } from '../../src/protocol/tenant.ts';

export interface Settings {
  readonly slots: Readonly<Record<string, number>>;
  readonly leaseMs: number;
  readonly policy: string;
}

export interface WorkerCall {
  readonly request: EnqueueRequest;
  state: 'asking' | 'waiting' | 'running' | 'over';
  ticket: Ticket | undefined;
  /** In which life of the object the ticket was given. */
  incarnation: number;
  /** How often it asked since it last had an answer. */
  tries: number;
  /** Slots that it was given. */
  grants: number;
  endpoint: string | undefined;
  /** When the endpoint has the call no more, in elapsed ms. */
  leavesAt: number;
  /** Until when the slot is held as far as the Worker can know. */
  heldUntil: number;
  /** Its words do not reach the object. */
  mute: boolean;
  /** How its wait ended. */
  answer: 'granted' | 'refused' | 'unavailable' | undefined;
}

export function newCall(request: EnqueueRequest): WorkerCall {
  return {
    request,
    state: 'asking',
    ticket: undefined,
    incarnation: -1,
    tries: 0,
    grants: 0,
    endpoint: undefined,
    leavesAt: Infinity,
    heldUntil: Infinity,
    mute: false,
    answer: undefined,
  };
}

/** A backend that is configured no more: another is in its place. */
export const WITHOUT_BACKEND: Settings['slots'] = {};

/** The tenant's document, as text. */
export function configOf({ slots, leaseMs, policy }: Settings): string {
  const endpoints = Object.entries(slots).map(([name, slots]) => ({
    name,
    url: `http://127.0.0.1:9/${name}`,
    slots,
  }));
  const queue = { depth: 6, maxWaitMs: 40_000 };
  const backends =
    endpoints.length > 0
      ? { m: { models: ['m'], endpoints, queue } }
      : { other: { models: ['m'], endpoints: [{ name: 'c', url: 'http://127.0.0.1:9/c' }] } };
  const keys = [{ id: 'k', sha256: 'a'.repeat(64) }];
  return JSON.stringify({ backends, leaseMs, policy, runSilenceMs: 8_000, keys });
}
