/**
 * Fingerprints by which the task that a tool call hands to a sub-agent is recognised where the
 * sub-agent's conversation begins with it. Clients may write something before the task, so a text is
 * read from its end: one pass gives the fingerprints of all that it may end with. Not for secrets;
 * whoever makes two texts alike joins conversations of the same API key only.
 */
import { hex } from '../http/running-digest.ts';

/** Characters at the end of a text that count. */
const PRINT_CHARS = 2_048;
/** Shorter texts say too little: a whole one, and one that a longer one ends with. */
const LEAST_CHARS = 12;
const LEAST_END_CHARS = 24;
/** Most ends of a text, from its first and from its last line breaks each. */
const MAX_ENDS = 8;

/** Undefined for a text that is too short. */
export function taskPrint(text: string): string | undefined {
  return printsAt(text.trim(), []).get(0);
}

/** The fingerprint of the text, and those of its ends that begin with a line. */
export function taskPrints(text: string): string[] {
  const task = text.trim();
  const lines: number[] = [];
  const from = Math.max(0, task.length - PRINT_CHARS);
  for (let at = task.indexOf('\n', from); at >= 0; at = task.indexOf('\n', at + 1)) {
    const start = at + 1;
    if (/\S/.test(task[start] ?? '') && task.length - start >= LEAST_END_CHARS) lines.push(start);
  }
  const ends = lines.length <= 2 * MAX_ENDS ? lines : lines.slice(0, MAX_ENDS);
  if (ends !== lines) ends.push(...lines.slice(-MAX_ENDS));
  return [...new Set(printsAt(task, ends).values())];
}

/** The fingerprint of the whole text, under 0, and of its ends that begin at `starts`. */
function printsAt(text: string, starts: readonly number[]): Map<number, string> {
  const prints = new Map<number, string>();
  if (text.length < LEAST_CHARS) return prints;
  const wanted = new Set(starts);
  const from = Math.max(0, text.length - PRINT_CHARS);
  let [low, high] = [0xdeadbeef, 0x41c6ce57];
  prints.set(0, '');
  for (let i = text.length - 1; i >= from; i -= 1) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 2_654_435_761);
    high = Math.imul(high ^ code, 1_597_334_677);
    if (i === from) prints.set(0, printOf(low, high));
    if (wanted.has(i)) prints.set(i, printOf(low, high));
  }
  return prints;
}

/** Mixes the two halves, since their low bits alone depend on few bits of the text. */
function printOf(low: number, high: number): string {
  const first =
    Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  const second =
    Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  return `${hex(first)}${hex(second)}`;
}
