/**
 * The run of a call by its body, where no header names one: a session, the conversation's beginning, or
 * what earlier answers handed out; and what else of the body may join the call to a run.
 */
import { taskPrints } from '../apis/task-print.ts';
import type { BodyHints } from './conversation.ts';
import { fingerprint } from './fingerprint.ts';
import { TASK_FRAMES } from './known-clients.ts';
import { type Named, TRACE_HEADER } from './sessions.ts';

/**
 * The run from the body. A session id is unique within its API key. `prompt_cache_key` and `user`
 * may be the same for all traffic of a program, so they identify a run only together with key,
 * application and conversation. An agent's loop is identified by its beginning even without a name.
 */
export async function bodyRunOf(
  hints: BodyHints,
  keyId: string,
  app: string,
): Promise<Named | undefined> {
  const { session, agent, loose, conversation, continues } = hints;
  const own = async (id: string) => `session-${await fingerprint(keyId, id)}`;
  if (session !== undefined) return { value: await own(session), why: 'session_id' };
  if (agent?.session !== undefined) {
    const { session: id, parent } = agent;
    const began = parent === undefined || parent === id ? {} : { parent: await own(parent) };
    return { value: await own(id), why: 'the session of its agent', ...began };
  }
  const results = hints.toolResults?.() ?? [];
  const cameBack = continues === undefined ? results : [continues, ...results];
  const back = cameBack.length > 0 ? { cameBack } : {};
  if (!conversation) {
    if (continues === undefined) return undefined;
    const why = 'the response that it continues';
    return { value: `run-${await fingerprint(keyId, app, continues)}`, why, ...back };
  }
  if (!loose && !conversation.hasTools && cameBack.length === 0) return undefined;
  const { start, turns } = conversation;
  const id = await fingerprint(keyId, app, loose?.id ?? '', start);
  const beginning = 'the beginning of its conversation';
  const named = loose ? `${loose.field} and ${beginning}` : beginning;
  const why = cameBack.length > 0 ? `${named}, and what earlier answers handed out` : named;
  return { value: `run-${id}`, why, turn: turns, ...back };
}

/**
 * Where nothing else begins a trace, instrumentation begins one with each call: ids that come back
 * tell the run then.
 */
export function withResults(run: Named, hints: BodyHints): Named {
  if (run.why !== TRACE_HEADER) return run;
  const cameBack = hints.toolResults?.() ?? [];
  return cameBack.length === 0 ? run : { ...run, cameBack };
}

/** Texts tell what nothing else does: a call without a name, or with that of its conversation. */
export function textsOf(hints: BodyHints, run: Named | undefined): { texts?: readonly string[] } {
  if (run && run.turn === undefined) return {};
  const texts = hints.texts?.() ?? [];
  return texts.length === 0 ? {} : { texts };
}

/** Only a conversation that brings no results back may be at its beginning. */
export function tasksOf(
  { conversation }: BodyHints,
  run: Named | undefined,
): { tasks?: readonly string[] } {
  if (!conversation || (run && (run.turn === undefined || run.cameBack))) return {};
  const { start } = conversation;
  const framed = framedTask(start);
  const tasks = new Set([
    ...(framed === undefined ? [] : taskPrints(framed).slice(0, 1)),
    ...taskPrints(start),
  ]);
  return tasks.size === 0 ? {} : { tasks: [...tasks] };
}

/** What a client put its own words around. */
function framedTask(text: string): string | undefined {
  for (const { open, close } of TASK_FRAMES) {
    const at = text.indexOf(open);
    const end = at < 0 ? -1 : text.indexOf(close, at + open.length);
    if (end >= 0) return text.slice(at + open.length, end);
  }
  return undefined;
}
