/**
 * The adapter for anything that speaks the OpenAI API, or plain HTTP for tools. Readiness is one
 * real completion of one token: an open port is not a warm model.
 */
import type { AnswerKind, EndpointAdapter, EndpointTarget, WakeResult } from './adapter.ts';

/** Between two tries while the endpoint answers that it is loading, ms. */
const RETRY_MS = 1_000;

export const openaiGeneric: EndpointAdapter = {
  name: 'openai-generic',

  async wake(target: EndpointTarget, patienceMs: number): Promise<WakeResult> {
    const startedAt = Date.now();
    const signal = AbortSignal.timeout(patienceMs);
    try {
      if (target.wakePath) {
        const url = new URL(target.wakePath, target.url);
        await drain(
          await fetch(url, {
            method: 'POST',
            headers: headersOf(target),
            signal,
            redirect: 'manual',
          }),
        );
      }
      while (!signal.aborted) {
        const response = await fetch(probeOf(target, signal));
        const kind = this.classify(response.status, (await response.text()).slice(0, 2_000));
        if (kind === 'ok' || kind === 'rejected')
          return { ok: true, tookMs: Date.now() - startedAt };
        if (kind === 'broken') return { ok: false, tookMs: Date.now() - startedAt };
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    } catch {
      // Refused, reset or out of patience: all the same to whoever waits for it.
    }
    return { ok: false, tookMs: Date.now() - startedAt };
  },

  async release(target: EndpointTarget, patienceMs: number): Promise<boolean> {
    if (target.releasePath === undefined) return false;
    try {
      const response = await fetch(new URL(target.releasePath, target.url), {
        method: 'POST',
        headers: headersOf(target),
        signal: AbortSignal.timeout(patienceMs),
        redirect: 'manual',
      });
      await drain(response);
      return response.ok;
    } catch {
      // Refused, reset or out of patience: it goes cold by its own timeout.
      return false;
    }
  },

  classify(status: number, body: string): AnswerKind {
    if (status < 300) return 'ok';
    if (status === 429) return 'busy';
    if (status === 503) return /overloaded|queue|busy/i.test(body) ? 'busy' : 'cold';
    if (status >= 500 || status < 400 || status === 401 || status === 403) return 'broken';
    return 'rejected';
  },
};

function headersOf(target: EndpointTarget): Record<string, string> {
  return target.authorization ? { authorization: target.authorization } : {};
}

function probeOf(target: EndpointTarget, signal: AbortSignal): Request {
  const { model, url } = target;
  if (model === undefined) {
    return new Request(url, { headers: headersOf(target), signal, redirect: 'manual' });
  }
  return new Request(`${url.replace(/\/+$/, '')}/chat/completions`, {
    method: 'POST',
    headers: { ...headersOf(target), 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: '.' }], max_tokens: 1 }),
    signal,
    redirect: 'manual',
  });
}

async function drain(response: Response): Promise<void> {
  await response.body?.cancel();
}
