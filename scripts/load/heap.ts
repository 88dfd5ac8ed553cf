/**
 * Measures the heap of a Worker's isolate through workerd's inspector, after a garbage collection.
 */

const PATIENCE_MS = 60_000;

interface HeapUsage {
  readonly usedSize: number;
  /** The size of array buffers, which are not part of the heap. */
  readonly backingStorageSize: number;
}

/**
 * Used bytes of a service's heap. An idle isolate does not answer the inspector, so `poke` must
 * send it a request.
 */
export async function usedHeapBytes(
  inspector: string,
  service: string,
  poke: () => Promise<unknown>,
): Promise<number> {
  const targets = (await (await fetch(`http://${inspector}/json`)).json()) as Array<{
    id: string;
    webSocketDebuggerUrl: string;
  }>;
  const target = targets.find(({ id }) => id === service);
  if (!target) throw new Error(`no service ${service} among ${targets.map(({ id }) => id)}`);
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve(), { once: true });
    socket.addEventListener('error', () => reject(new Error('the inspector refuses')), {
      once: true,
    });
  });
  const poking = setInterval(() => void poke().catch(() => {}), 200);
  try {
    await command(socket, 1, 'HeapProfiler.enable');
    await command(socket, 2, 'HeapProfiler.collectGarbage');
    const usage = (await command(socket, 3, 'Runtime.getHeapUsage')) as HeapUsage;
    return usage.usedSize + usage.backingStorageSize;
  } finally {
    clearInterval(poking);
    socket.close();
  }
}

function command(socket: WebSocket, id: number, method: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), PATIENCE_MS);
    socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(String(data)) as { id?: number; result?: unknown };
      if (message.id !== id) return;
      clearTimeout(timer);
      resolve(message.result);
    });
    socket.send(JSON.stringify({ id, method }));
  });
}
