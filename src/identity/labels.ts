/**
 * Names for people beside names that are fingerprints: the client's own name, or the first words of
 * the system prompt. A prompt may contain what nobody else should read, so what looks like a secret,
 * an address or a value is left out, and a user's message is never looked at.
 */
import type { HeaderReader } from '../http/held-headers.ts';
import { CLIENTS } from './known-clients.ts';

const MAX_LABEL_CHARS = 48;
const MAX_WORDS = 7;
/** Text that is looked at. */
const READ_CHARS = 400;
/** Tools that are named where there is no prompt, and the longest name. */
const MAX_TOOLS = 3;
const MAX_TOOL_CHARS = 24;

/** Opening words that all prompts share. */
const OPENING =
  /^(?:#+\s*)?(?:you(?:'re|’re| are)|act as|your role is|role)\s*:?\s*(?:an?\s|the\s)?/i;
/** Where the first statement ends, or a value may follow. */
const END = /[.:;,!?()[\]{}<>"“”`'|=\n]|\s[-–—]\s/;
/** Addresses of people and machines, keys, and whatever has digits in it. */
const PRIVATE = /\S*(?:@|\/\/|\\)\S*|\b(?=\S*\d)\S{2,}|\S{25,}/g;

/** The label of a unit: from its system prompt, else from its tools, else from its API. */
export function unitLabel(system: string, tools: readonly string[], api: string): string {
  const words = firstWords(system);
  if (words !== '') return words;
  const named = tools.filter(isPlainName).slice(0, MAX_TOOLS);
  return named.length > 0 ? `${api} with ${named.join(', ')}`.slice(0, MAX_LABEL_CHARS) : api;
}

/** The client's name; undefined for an unknown client. */
export function clientName(headers: HeaderReader): string | undefined {
  return CLIENTS.find(({ header, value }) => value.test(headers.get(header) ?? ''))?.name;
}

function firstWords(system: string): string {
  const text = system.slice(0, READ_CHARS).trim().replace(OPENING, '').replace(PRIVATE, '…');
  const end = text.search(END);
  const words = (end < 0 ? text : text.slice(0, end)).split(/\s+/).slice(0, MAX_WORDS);
  let label = '';
  for (const word of words) {
    if (label.length + 1 + word.length > MAX_LABEL_CHARS) break;
    label = label === '' ? word : `${label} ${word}`;
  }
  return /\p{L}/u.test(label) ? label : '';
}

function isPlainName(tool: string): boolean {
  return tool.length <= MAX_TOOL_CHARS && /^[A-Za-z][\w-]*$/.test(tool);
}
