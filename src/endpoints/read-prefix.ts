/**
 * Has an endpoint read the beginning of prompts ahead of a call, by a call of one token whose answer
 * nobody wants. Whether that pays is decided in core/prewarm/prefix-choice.ts.
 */
import type { EndpointTarget } from './adapter.ts';
import { type PlatformIo, platformIo } from './platform-io.ts';

export interface ReadOrder {
  /** Path after the endpoint's URL, and the JSON body. */
  readonly path: string;
  readonly body: string;
  readonly patienceMs: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface ReadResult {
  readonly ok: boolean;
  readonly tookMs: number;
  /** Why it failed; it quotes nothing, since an answer may repeat the prompt. */
  readonly reason?: string;
}

/** Never rejects. `stop`: nobody waits for it any more. */
export async function readPrefix(
  target: EndpointTarget,
  { path, body, patienceMs, headers }: ReadOrder,
  stop: AbortSignal,
  io: PlatformIo = platformIo,
): Promise<ReadResult> {
  const startedAt = io.now();
  const url = `${target.url.replace(/\/+$/, '')}${path}`;
  const sent = await io.send(
    {
      method: 'POST',
      url,
      body,
      headers: { ...headers, 'content-type': 'application/json' },
    },
    target,
    patienceMs,
    stop,
  );
  const tookMs = Math.max(0, io.now() - startedAt);
  if (sent.kind !== 'answered') return { ok: false, tookMs, reason: UNANSWERED[sent.kind] };
  const { status } = sent.answer;
  const ok = status >= 200 && status < 300;
  return { ok, tookMs, ...(ok ? {} : { reason: `status ${status}` }) };
}

const UNANSWERED = { silent: 'no answer in time', unreachable: 'it could not be reached' } as const;
