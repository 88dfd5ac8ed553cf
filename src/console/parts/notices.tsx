/** Short words on what was just done, read aloud by screen readers; they go by themselves. */
import { signal } from '@preact/signals';
import { type Problem, wordsOf } from '../ask/problem.ts';

interface Notice {
  readonly id: number;
  readonly text: string;
  readonly tone: 'plain' | 'bad';
}

const SHOWN_MS = 6_000;
const MOST = 4;

const notices = signal<readonly Notice[]>([]);
let last = 0;

export function say(text: string, tone: Notice['tone'] = 'plain'): void {
  last += 1;
  const id = last;
  notices.value = [...notices.value, { id, text, tone }].slice(-MOST);
  setTimeout(() => {
    notices.value = notices.value.filter((notice) => notice.id !== id);
  }, SHOWN_MS);
}

export function sayProblem(problem: Problem): void {
  say(`${wordsOf(problem).title}: ${problem.message}`, 'bad');
}

/** Stands once in the page. */
export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ id, text, tone }) => (
        <div key={id} class="notice" data-tone={tone}>
          {text}
        </div>
      ))}
    </div>
  );
}
