/**
 * Asks an engine for its load with a few short requests. Calls that wait for a moment only, until a
 * batch has room for their prompts, are no queue: where some wait, it is asked again, and the smaller
 * number counts.
 */
import type { EndpointTarget } from './adapter.ts';
import {
  type EngineLoad,
  LOAD_FORMS,
  type LoadForm,
  loadRequest,
  type ReadLoad,
} from './engine-load.ts';
import { type PlatformIo, platformIo } from './platform-io.ts';

/** llama.cpp answers after its present batch, which may hold long prompts. */
const LIMIT_MS = 5_000;
const AGAIN_AFTER_MS = 1_500;

/** What was told, and by which form, which is tried first the next time. */
export interface ToldLoad {
  readonly form: LoadForm;
  readonly load: EngineLoad;
}

/** Undefined where the engine tells nothing, or does not answer. Never rejects. */
export async function askLoad(
  target: EndpointTarget,
  known?: LoadForm,
  io: PlatformIo = platformIo,
): Promise<ToldLoad | undefined> {
  for (const form of known ? [known] : LOAD_FORMS) {
    const load = await askOnce(form, target, io);
    // Whoever does not answer is not asked further.
    if (load === 'silent') return undefined;
    if (!load) continue;
    if (!load.waiting) return { form, load: await withSlots(load, target, io) };
    await io.wait(AGAIN_AFTER_MS);
    const again = await askOnce(form, target, io);
    if (!again || again === 'silent') return undefined;
    const lesser = queueShare(again) < queueShare(load) ? again : load;
    // A queue that has passed leaves what it has shown of the slots.
    const { slots } = load;
    const both = slots === undefined ? lesser : { ...lesser, slots };
    return { form, load: await withSlots(both, target, io) };
  }
  return undefined;
}

/** The load with the slots that an engine tells elsewhere than its load. */
async function withSlots(
  { slotsAt, ...load }: ReadLoad,
  target: EndpointTarget,
  io: PlatformIo,
): Promise<EngineLoad> {
  const slots = slotsAt && (await askOnce(slotsAt, target, io));
  return slots && slots !== 'silent' ? { ...load, ...slots } : load;
}

async function askOnce(
  form: LoadForm,
  target: EndpointTarget,
  io: PlatformIo,
): Promise<ReadLoad | 'silent' | undefined> {
  const sent = await io.send(loadRequest(form, target), target, LIMIT_MS);
  if (sent.kind !== 'answered') return 'silent';
  const { answer } = sent;
  return answer.status >= 200 && answer.status < 300 ? form.read(answer) : undefined;
}

function queueShare({ running = 0, waiting = 0 }: EngineLoad): number {
  return waiting / (running + waiting || 1);
}
