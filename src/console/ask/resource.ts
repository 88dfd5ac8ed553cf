/**
 * What a screen shows of one path of the API: the newest answer, what is wrong since, and when to
 * ask again. A failed request keeps the answer before it, so that a screen says that it is old
 * rather than going blank; requests that may succeed later are sent again with growing pauses.
 */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { StreamTopic } from '../../protocol/console/stream.ts';
import { changes } from '../live/changes.ts';
import { watch } from '../live/live.ts';
import { askAs, session } from '../session/session.ts';
import { backoffMs } from './backoff.ts';
import { type Problem, passesByItself } from './problem.ts';

/** Answers that are kept for the way back to a screen. */
const KEPT = 40;
/** Least time between two requests that changes bring about, ms. */
const LEAST_GAP_MS = 2_000;
/** An answer that came early is asked for again after so long, ms. */
const EARLY_MS = 5_000;

export interface Resource<T> {
  readonly value: T | undefined;
  readonly problem: Problem | undefined;
  readonly loading: boolean;
  /** When `value` came, by the page's clock. */
  readonly loadedAt: number;
  reload(): void;
}

interface ResourceState {
  readonly path: string | null;
  readonly problem?: Problem;
  readonly loading: boolean;
  /** The answer was there before the first drawing: it need not be asked for. */
  readonly came?: true;
}

interface Kept {
  readonly value: unknown;
  readonly loadedAt: number;
}

const kept = new Map<string, Kept>();

/** Answers that came before the screen that asks for them, by their paths. */
const early = new Map<string, Kept>();

// The answers of one caller are not for the next.
session.subscribe(({ kind }) => {
  if (kind !== 'signed-out') return;
  kept.clear();
  early.clear();
});

/** Asks for paths before their screen is drawn, so that its first drawing has their answers. */
export async function askEarly(paths: readonly string[]): Promise<void> {
  const asked = paths.map(async (path) => {
    const answer = await askAs<unknown>(path);
    // What failed is asked again by the screen, which says what is wrong.
    if (answer.ok) cameEarly(path, answer.value);
  });
  await Promise.all(asked);
}

/** Takes over what came with another answer. */
export function cameEarly(path: string, value: unknown): void {
  early.set(path, { value, loadedAt: Date.now() });
}

/**
 * Asks for `path` (null: for nothing), and again when a change of `topic` is told and the tab is
 * visible. `keptAs`: the name of what paths that differ by the time of asking only have in common:
 * the answer to the one before is shown until the next is there.
 */
export function useResource<T>(
  path: string | null,
  topic?: StreamTopic,
  keptAs = path,
): Resource<T> {
  const [, draw] = useState(0);
  const state = useRef<ResourceState>({ path: null, loading: false });
  const isFirst = state.current.path !== path;
  if (isFirst) state.current = { path, loading: path !== null };
  const came = isFirst && path !== null ? takeEarly(path) : undefined;
  if (came && path !== null) {
    keep(keptAs ?? path, came.value, came.loadedAt);
    state.current = { path, loading: false, came: true };
  }
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((before) => before + 1), []);

  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async (attempt: number): Promise<void> => {
      state.current = { ...state.current, loading: true };
      const answer = await askAs<T>(path, { signal: abort.signal });
      if (abort.signal.aborted) return;
      if (answer.ok) {
        keep(keptAs ?? path, answer.value);
        state.current = { path, loading: false };
      } else {
        state.current = { path, problem: answer.problem, loading: false };
        if (passesByItself(answer.problem)) {
          const pause = answer.problem.retryAfterMs ?? backoffMs(attempt, Math.random());
          timer = setTimeout(() => void load(attempt + 1).catch(ignoreAbort), pause);
        }
      }
      draw((n) => n + 1);
    };
    if (state.current.came) state.current = { path, loading: false };
    else load(0).catch(ignoreAbort);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [path, keptAs, round]);

  useReloadOnChange(topic, reload);

  const answer = path === null ? undefined : kept.get(keptAs ?? path);
  return {
    value: answer?.value as T | undefined,
    problem: state.current.problem,
    loading: state.current.loading,
    loadedAt: answer?.loadedAt ?? 0,
    reload,
  };
}

function takeEarly(path: string): Kept | undefined {
  const came = early.get(path);
  early.delete(path);
  return came && Date.now() - came.loadedAt < EARLY_MS ? came : undefined;
}

/** Changes that come fast are answered by one request, after the least gap. */
function useReloadOnChange(topic: StreamTopic | undefined, reload: () => void): void {
  useEffect(() => {
    if (topic === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let first = true;
    const unwatch = watch(topic);
    const end = changes[topic].subscribe(() => {
      if (first) {
        first = false;
        return;
      }
      timer ??= setTimeout(() => {
        timer = undefined;
        reload();
      }, LEAST_GAP_MS);
    });
    return () => {
      end();
      unwatch();
      clearTimeout(timer);
    };
  }, [topic, reload]);
}

function keep(path: string, value: unknown, loadedAt = Date.now()): void {
  kept.delete(path);
  kept.set(path, { value, loadedAt });
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT) break;
    kept.delete(oldest);
  }
}

function ignoreAbort(error: unknown): void {
  if (error instanceof DOMException && error.name === 'AbortError') return;
  throw error;
}
