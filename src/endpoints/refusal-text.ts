/**
 * What the text of a refusal says about an endpoint: that it is not up yet, that it has no such
 * model, or that a person has stopped it. Platforms give these reasons with any status, so the text
 * decides where the status does not. It is no proof: a caller can have its own text quoted in an
 * error, so what follows from a call's answer is decided in core/backends.
 */
import { errorInText } from '../http/foreign-error.ts';

/**
 * KServe: "Model is not ready yet"; TGI and llama.cpp: "loading"; RunPod: "no workers available"; LM
 * Studio: "No models loaded"; ngrok: "The endpoint … is offline"; ingress-nginx: "default backend - 404".
 */
const NOT_READY =
  /\bnot (?:yet |currently )?(?:ready|loaded|started|running|up|available|found yet)\b|\b(?:still|currently|being) (?:loading|loaded|starting|started|initiali[sz]|warming|booting|download|pull|deploy|provision|wak)|\bloading (?:the )?model\b|\bmodel\b[^.]{0,80}?\bunloaded\b|\bmodel (?:is )?(?:loading|starting|warming)\b|\b(?:warming|waking|starting|spinning|scaling|booting) (?:up|from)\b|\bcold start|\binitiali[sz]ing\b|\bno (?:available |healthy |ready )?(?:workers?|replicas?|instances?|upstreams?|containers?)\b|\bscaled to (?:zero|0)\b|\bmissing request\b|\bno models? (?:are |is )?loaded\b|\bis offline\b|^default backend - 404/i;

/**
 * The same, by how a model's endpoint begins its message: others quote such words. LM Studio; Ray Serve,
 * which has no routes yet.
 */
const NOT_READY_AT_FIRST =
  /^\s*(?:failed to load (?:the )?model\b|path '[^']{0,1000}' not found\. ping \S{1,100}\/-\/routes\b)/i;

/**
 * vLLM and KServe: "The model `m` does not exist", while it is loaded as well as for a wrong name.
 * SGLang: an adapter "that has never been loaded".
 */
const NO_MODEL =
  /\bmodel\b[\s\S]{0,120}?(?:\bdoes not exist|\bnot exist|\bnot found|\bis unknown|\bnot registered|\bunavailable)|\b(?:unknown|no such) model\b|\bmodel_not_found\b|\badapters?\b[^.]{0,120}?\b(?:never been|not) loaded\b/i;

const THING =
  '(?:endpoint|app|application|workspace|deployment|function|service|space|instance|server|pod|model)';
const STOP = '(?:paused|stopped|suspended|disabled|deactivated|deleted|archived|terminated)';

/** Hugging Face: "The endpoint is paused"; Modal: "app … is stopped", "workspace … is disabled". */
const STOPPED = new RegExp(`\\b${THING}\\b[^.]{0,120}?\\b${STOP}\\b|\\b${STOP} ${THING}\\b`, 'i');

/** Statuses with which a platform or an engine says that it is not up, beside 5xx. */
const MAY_BE_LOADING: ReadonlySet<number> = new Set([400, 404, 408, 409, 423, 424, 425, 429]);

/** Most characters of an answer that are searched. */
const SEARCHED_CHARS = 4_096;

export type RefusalText = 'not-ready' | 'no-model' | 'stopped' | undefined;

/** What a refusal's text says; undefined for one that says none of this. */
export function refusalText(status: number, body: string, isTool: boolean): RefusalText {
  if (status < 500 && !MAY_BE_LOADING.has(status)) return undefined;
  const text = body.slice(0, SEARCHED_CHARS);
  if (STOPPED.test(text)) return 'stopped';
  if (NOT_READY.test(text)) return 'not-ready';
  const isFirst = !isTool && NOT_READY_AT_FIRST.test(errorInText(body).message ?? '');
  if (isFirst) return 'not-ready';
  return NO_MODEL.test(text) ? 'no-model' : undefined;
}
