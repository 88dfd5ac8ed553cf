/**
 * Puts an endpoint's answer before the real code that receives it (`Forwarder`), on a stand-in for
 * `fetch`, and says what became of it: what was reported of the endpoint, and what its client got.
 */

import type { AnswerFormat } from '../../src/apis/streams/answer-format.ts';
import { adapterOf, type EndpointKind } from '../../src/endpoints/registry.ts';
import type { CallResult } from '../../src/protocol/admission.ts';

/** Of the code, as far as it is used here: its own types need those of workerd. */
interface FailedAttempt {
  readonly result: CallResult;
  readonly error: { readonly message?: string };
  readonly answer?: Response;
}
type Outcome = Response | FailedAttempt;
const FORWARD: string = '../../src/calls/forward.ts';
const { Forwarder } = (await import(/* @vite-ignore */ FORWARD)) as {
  Forwarder: new (options: object) => { forward(): Promise<Outcome> };
};

/** How an answer counts. `theirs`: the client's own error, no matter of the endpoint. */
export type Judgement = 'ok' | 'busy' | 'cold' | 'broken' | 'unready' | 'forbidden' | 'theirs';

/** An answer of a real system, and what is right for it. */
export interface UpstreamAnswer {
  /** Who answers so, and when. */
  readonly who: string;
  /** How it counts. */
  readonly is: Judgement;
  readonly body: string | Uint8Array<ArrayBuffer>;
  /** 200 where absent. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The format in which the call's API is answered; OpenAI's where absent. */
  readonly format?: AnswerFormat;
  /** The client asked for a stream. */
  readonly streams?: boolean;
  readonly choices?: number;
  readonly stripUsage?: boolean;
  readonly isTool?: boolean;
  readonly kind?: EndpointKind;
  /** How the connection ends; in order where absent. */
  readonly ends?: 'in-order' | 'reset' | 'never';
  /** The client gets its bytes as they came, whole. */
  readonly same?: true;
  /** What the client gets has this text. */
  readonly tells?: string;
  /** What the client gets has no such text. */
  readonly hides?: string;
  /** Status that the client gets. */
  readonly told?: number;
  readonly retryAfterMs?: number;
  /** The client has got nothing of it: the call may be made again. */
  readonly isUntold?: true;
  /** The endpoint is up: nothing is learned of a start. */
  readonly isUp?: true;
  /** Token counts that are reported; of those that are named. */
  readonly usage?: Partial<CallResult>;
  /** Its token counts are none: nothing is learned of the input, nor that there was no output. */
  readonly isUncounted?: true;
}

export interface Judged {
  readonly is: Judgement;
  /** All that was reported, or is left to be reported: one result. */
  readonly results: readonly CallResult[];
  /** Undefined where another attempt may be made. */
  readonly status: number | undefined;
  readonly headers: Headers;
  /** What the client got until its connection ended, or broke. */
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly broke: boolean;
}

/** The statuses with which a response cannot have a body. */
const NO_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** `pieces`: the bytes in the parts in which they arrive. */
export async function judged(
  answer: UpstreamAnswer,
  pieces: readonly Uint8Array[],
): Promise<Judged> {
  const results: CallResult[] = [];
  const status = answer.status ?? 200;
  const body = NO_BODY.has(status) ? null : bodyOf(pieces, answer.ends ?? 'in-order');
  const upstream = new Response(body, { status, headers: answer.headers ?? {} });
  const forwarder = new Forwarder(optionsOf(answer, results));
  const outcome = await withPlatform(upstream, () => forwarder.forward());
  if (!(outcome instanceof Response)) {
    const client = outcome.answer;
    const text = client ? await client.text() : (outcome.error.message ?? '');
    const bytes = new TextEncoder().encode(text);
    return {
      is: judgementOf(outcome.result),
      results: [...results, outcome.result],
      status: undefined,
      headers: new Headers(),
      ...{ text, bytes, broke: false },
    };
  }
  const read = await clientOf(outcome);
  // The report is made when the client has its last byte, at the latest soon after.
  while (results.length === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  const [result] = results;
  return {
    is: judgementOf(result as CallResult),
    results,
    status: outcome.status,
    headers: outcome.headers,
    ...read,
  };
}

function judgementOf(result: CallResult): Judgement {
  if (result.outcome === 'ok') return 'ok';
  if (result.busy) return 'busy';
  if (result.cold) return 'cold';
  if (result.endpointFault) return 'broken';
  if (result.forbidden) return 'forbidden';
  return result.mayBeCold ? 'unready' : 'theirs';
}

function bodyOf(pieces: readonly Uint8Array[], ends: string): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = pieces[next];
        next += 1;
        if (piece) return controller.enqueue(piece.slice());
        if (ends === 'in-order') controller.close();
        if (ends === 'reset') controller.error(new Error('connection reset'));
        return undefined;
      },
    },
    { highWaterMark: 0 },
  );
}

function optionsOf(answer: UpstreamAnswer, results: CallResult[]): object {
  const { format = 'openai', streams = false, stripUsage = false, isTool = false } = answer;
  const grant = { leaseMs: 1e6, endpoint: 'e', address: {} };
  return {
    slot: {
      grant,
      renew: async () => {},
      report: async (result: CallResult) => void results.push(result),
    },
    request: (signal: AbortSignal) =>
      new Request('http://endpoint.test/v1/x', { method: 'POST', signal }),
    timeouts: { firstByteMs: 1e6, idleMs: 1e6, totalMs: 1e6 },
    isRepeatable: true,
    adapter: adapterOf(answer.kind ?? 'openai-generic'),
    added: {},
    onOver: () => {},
    ...{ format, streams, stripUsage, isTool, choices: answer.choices },
  };
}

/** `fetch` that answers so, and the stream of workerd that Node has under another name. */
async function withPlatform(upstream: Response, act: () => Promise<Outcome>): Promise<Outcome> {
  const own = globalThis as unknown as Record<string, unknown>;
  const { fetch: usual, IdentityTransformStream: none } = own;
  own.fetch = async () => upstream;
  own.IdentityTransformStream = TransformStream;
  try {
    return await act();
  } finally {
    own.fetch = usual;
    own.IdentityTransformStream = none;
  }
}

async function clientOf(response: Response) {
  const parts: Uint8Array[] = [];
  let broke = false;
  const reader = response.body?.getReader();
  try {
    for (;;) {
      const read = await reader?.read();
      if (!read || read.done) break;
      parts.push(read.value.slice());
    }
  } catch {
    broke = true;
  }
  const bytes = new Uint8Array(Buffer.concat(parts));
  return { bytes, text: new TextDecoder().decode(bytes), broke };
}
