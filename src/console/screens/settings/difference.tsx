/** What differs between two configurations, as lines: taken away, added, and a few around them. */
import { structuredPatch } from 'diff';
import { useMemo } from 'preact/hooks';
import { type Config, textOf } from './config-text.ts';

/** Lines around a change. */
const CONTEXT = 3;
/** Lines that are drawn at most. */
const MOST = 2_000;

const SIGNS: Readonly<Record<string, string>> = { '+': 'added', '-': 'removed' };

export interface DifferenceProps {
  /** What is compared, for those who cannot see it. */
  readonly label: string;
  readonly before: Config;
  readonly after: Config;
}

export function Difference({ label, before, after }: DifferenceProps) {
  const { hunks } = useMemo(
    () => structuredPatch('', '', textOf(before), textOf(after), '', '', { context: CONTEXT }),
    [before, after],
  );
  if (hunks.length === 0) return <p class="soft difference-none">There is no difference.</p>;
  const lines = hunks.flatMap((hunk, i) => linesOf(hunk, i > 0));
  return (
    // The lines may be wider than the page, and the keyboard must be able to move them.
    <section class="difference" aria-label={label} tabIndex={0}>
      <table>
        <tbody>
          {lines.slice(0, MOST).map(({ sign, text, before: old, after: present }, i) => (
            <tr key={i} data-sign={sign}>
              <td class="difference-line">{old}</td>
              <td class="difference-line">{present}</td>
              <td>
                <span aria-hidden="true">{sign}</span>
                <span class="unseen">{SIGNS[sign] ?? ''}</span>
              </td>
              <td>{text}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {lines.length > MOST && <p class="soft">{lines.length - MOST} more lines differ.</p>}
    </section>
  );
}

interface Shown {
  readonly sign: string;
  readonly text: string;
  readonly before: number | null;
  readonly after: number | null;
}

type Hunk = ReturnType<typeof structuredPatch>['hunks'][number];

function linesOf({ oldStart, newStart, lines }: Hunk, isLater: boolean): Shown[] {
  let [before, after] = [oldStart, newStart];
  const shown: Shown[] = isLater ? [{ sign: '…', text: '', before: null, after: null }] : [];
  for (const line of lines) {
    const sign = line.charAt(0);
    shown.push({
      sign,
      text: line.slice(1),
      before: sign === '+' ? null : before,
      after: sign === '-' ? null : after,
    });
    if (sign !== '+') before += 1;
    if (sign !== '-') after += 1;
  }
  return shown;
}
