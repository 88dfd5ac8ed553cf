/**
 * A dispatcher, an emulated endpoint and an API key: the setup that the tests with client SDKs
 * share.
 */
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

export interface ClientBench {
  readonly dispatcher: Dispatcher;
  readonly gpu: Emulator;
  /** The dispatcher's URL with `/v1`. */
  readonly baseURL: string;
  readonly apiKey: string;
  /**
   * A tenant whose only slot is taken and whose queue has no room. Its first call is refused with
   * 429; then the slot is freed, so that a client that retries is served.
   */
  busyOnce(): Promise<{ apiKey: string; fetch: typeof fetch; statuses: number[] }>;
  /**
   * Counts the endpoint's aborted calls now; the returned function waits until `more` have been
   * added.
   */
  aborts(): (more: number) => Promise<void>;
  close(): Promise<void>;
}

export async function startClientBench(): Promise<ClientBench> {
  const dispatcher = await startDispatcher();
  const gpu = await startEmulator({
    models: ['m'],
    slots: 8,
    prefillMsPerToken: 0,
    decodeMsPerToken: 2,
  });
  const baseURL = `${dispatcher.workerd.url}/v1`;
  const endpoint = { url: `${gpu.url}/v1`, slots: 4 };
  const apiKey = await dispatcher.tenant('clients', {
    backends: { m: { models: ['m'], endpoints: [endpoint] } },
  });
  let busy = 0;
  const holders: AbortController[] = [];
  return {
    dispatcher,
    gpu,
    baseURL,
    apiKey,
    busyOnce: async () => {
      busy += 1;
      const tenant = `busy-${busy}`;
      const key = await dispatcher.tenant(tenant, {
        backends: {
          m: { models: ['m'], endpoints: [{ ...endpoint, slots: 1 }], queue: { depth: 0 } },
        },
      });
      const holder = new AbortController();
      holders.push(holder);
      const held = await fetch(`${baseURL}/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({
          model: 'm',
          stream: true,
          max_tokens: 100_000,
          messages: [{ role: 'user', content: 'Hold' }],
        }),
        signal: holder.signal,
      });
      if (held.status !== 200) throw new Error(`the slot could not be taken: ${held.status}`);
      const statuses: number[] = [];
      return {
        apiKey: key,
        statuses,
        fetch: async (input, init) => {
          const answer = await fetch(input, init);
          statuses.push(answer.status);
          if (answer.status === 429) {
            holder.abort();
            await until(
              () => statusOf(dispatcher.workerd.url, tenant),
              (backends) => backends.m?.running === 0,
            );
          }
          return answer;
        },
      };
    },
    aborts: () => {
      const before = gpu.stats().aborted;
      return async (more) => {
        await until(
          () => gpu.stats().aborted,
          (n) => n >= before + more,
        );
      };
    },
    close: async () => {
      for (const holder of holders) holder.abort();
      await dispatcher.close();
      await gpu.close();
    },
  };
}
