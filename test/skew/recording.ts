/** What objects logged of their requests (scripts/recording-worker.ts), one of each form, as JSON. */

interface Line {
  readonly object: string;
  readonly method: string;
  readonly asked: readonly unknown[];
  readonly answer?: unknown;
}

/** Plain items of a list that are kept, and one that is an object: the others are like them. */
const ITEMS = 2;
/** Longest text of a value that is kept, characters. */
const CHARS = 160;
/** Forms of a method that are kept. */
const FORMS = 3;

/** One line for each method of an object and form of its request and answer. */
export function recorded(log: string): string {
  const forms = new Map<string, Set<string>>();
  const lines: string[] = [];
  for (const text of log.split('\n')) {
    const at = text.indexOf('rpc {');
    if (at < 0) continue;
    const line = JSON.parse(text.slice(at + 4)) as Line;
    const short = { ...line, asked: line.asked.map(shortened), answer: shortened(line.answer) };
    const name = `${line.object}.${line.method}`;
    const known = forms.get(name) ?? new Set();
    const form = formOf(short);
    if (known.has(form) || known.size >= FORMS) continue;
    forms.set(name, known.add(form));
    lines.push(JSON.stringify(short));
  }
  return `[\n${lines.sort().join(',\n')}\n]\n`;
}

function shortened(value: unknown): unknown {
  if (typeof value === 'string') return value.length > CHARS ? '…' : value;
  if (Array.isArray(value)) {
    const isPlain = value.every((item) => typeof item !== 'object');
    return value.slice(0, isPlain ? ITEMS : 1).map(shortened);
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, shortened(field)]));
}

/** The names of all fields, and the words by which variants are told apart. */
function formOf(value: unknown, name = ''): string {
  if (Array.isArray(value)) return `[${value.map((item) => formOf(item)).join()}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([key, field]) => `${key}:${formOf(field, key)}`);
    return `{${fields.sort().join()}}`;
  }
  const tells = ['status', 'type', 'code', 'outcome', 'object', 'method', 'isLast', 'goesOn'];
  return tells.includes(name) ? String(value) : typeof value;
}
