/**
 * The reasons of wakes and of decisions as sentences. They are kept as short texts of figures, such as
 * `P(need)=0.412 theta=0.250 runs=1`; what is not known of them stands as it is.
 */
import { duration } from '../../format/duration.ts';
import { counted, percent } from '../../format/quantity.ts';

type Say = (value: string) => string;

const share: (words: string) => Say = (words) => (value) => `${words} ${percent(Number(value))}`;

const WORDS: Readonly<Record<string, Say>> = {
  'P(need)': share('needed with'),
  hold: share('needed again within a cold start with'),
  theta: share('which pays from'),
  runs: (value) => `${counted(Number(value), 'run')} in flight may need it`,
  'P(arrival)': share('a new run with'),
  'P(later)': share('by the next look with'),
  beyond: (value) => `beyond ${counted(Number(value), 'slot')} that are up`,
  waiting: (value) => `${counted(Number(value), 'call')} waited`,
  rate: (value) => `${value.replace('/s', '')} arrivals a second`,
};

/** A run that is named in a reason, as in `app/run:0.52`; both may have any signs but a blank. */
const RUN = /^(.+):(\d(?:\.\d+)?)$/;

export function reasonWords(reason: string): string {
  if (reason === '' || reason === 'none') return '';
  const idle = /^idle=(\d+) of (\d+) ms$/.exec(reason);
  if (idle) return `idle for ${duration(Number(idle[1]))} of ${duration(Number(idle[2]))}`;
  const idleFor = /^idle=(\d+) s$/.exec(reason);
  if (idleFor) return `idle for ${duration(Number(idleFor[1]) * 1_000)}`;
  const [figures = '', ...named] = reason.split(' by ');
  const said = figures.split(' ').map(wordsOf);
  // A sentence of its own, or one that is not known.
  if (said.some((words) => words === undefined)) return reason;
  const runs = named.join(' by ').split(' ').flatMap(runWords);
  return [...said, ...runs].join(', ');
}

function wordsOf(figure: string): string | undefined {
  const at = figure.lastIndexOf('=');
  const [name, value] = [figure.slice(0, at), figure.slice(at + 1)];
  const isFigure = at > 0 && /^\d/.test(value) && Object.hasOwn(WORDS, name);
  return isFigure ? WORDS[name]?.(value) : undefined;
}

function runWords(named: string): string[] {
  const match = RUN.exec(named);
  return match ? [`${match[1]} with ${percent(Number(match[2]))}`] : [];
}

const DECISIONS: Readonly<Record<string, string>> = {
  wake: 'is woken',
  'stay-cold': 'stays cold',
  hold: 'is held warm',
  'let-go': 'may go cold',
  'over-budget': 'over the budget',
  none: '',
};

/** What is decided of an endpoint now; '' for nothing. */
export function decisionWords(decision: string): string {
  return Object.hasOwn(DECISIONS, decision) ? (DECISIONS[decision] ?? '') : decision;
}

const CAUSES: Readonly<Record<string, string>> = {
  demand: 'on demand',
  prewarm: 'ahead of need',
  'keep-warm': 'kept warm',
  release: 'let go',
  operator: 'by an operator',
  adapter: 'adapter on demand',
  'adapter-prewarm': 'adapter ahead of need',
  prefix: 'prompt read ahead of need',
};

/** What woke an endpoint, kept it warm, or was made ready there. */
export function causeWords(cause: string): string {
  return Object.hasOwn(CAUSES, cause) ? (CAUSES[cause] ?? cause) : cause;
}
