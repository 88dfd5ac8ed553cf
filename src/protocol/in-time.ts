/** Asking an object that others do not wait for. */

import { logError } from './log.ts';
/** The answer; undefined, and logged as `event` with `facts`, where it fails or takes too long. */
export async function inTime<T>(
  ask: () => Promise<T>,
  patienceMs: number,
  event: string,
  facts: Readonly<Record<string, unknown>> = {},
): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), patienceMs);
  });
  try {
    return await Promise.race([ask(), timeout]);
  } catch (error) {
    logError({ event, ...facts, error: String(error) });
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
