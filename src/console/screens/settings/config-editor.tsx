/**
 * The text of the configuration with its lines numbered, what is wrong beside the line of its field,
 * and what may stand at the field with the cursor. The Tab key leaves it, as any field.
 */
import { useMemo, useRef, useState } from 'preact/hooks';
import type { ConfigSchema } from '../../../protocol/console/settings.ts';
import { counted } from '../../format/quantity.ts';
import { type FieldProblem, lineOf, partsAt, pathOf } from './config-text.ts';
import { hintOf } from './schema-hint.ts';

/** Height of a line, px; the same stands in settings.css. */
const LINE_PX = 20;
/** Lines that stay above the one that is jumped to. */
const LINES_ABOVE = 4;

export interface ConfigEditorProps {
  readonly text: string;
  /** Null where there is nothing to change. */
  readonly onText: ((text: string) => void) | null;
  readonly problems: readonly FieldProblem[];
  readonly schema: ConfigSchema | undefined;
}

export function ConfigEditor({ text, onText, problems, schema }: ConfigEditorProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState(0);
  const lines = useMemo(() => text.split('\n').length, [text]);
  const marked = useMemo(
    () =>
      problems.map((problem) => ({
        ...problem,
        line: problem.place ? lineOf(text, problem.place.offset).line : null,
      })),
    [problems, text],
  );
  const follow = () => setCursor(area.current?.selectionStart ?? 0);
  const jump = ({ place, line }: (typeof marked)[number]) => {
    if (!place || line === null || !area.current || !scroller.current) return;
    area.current.focus({ preventScroll: true });
    area.current.setSelectionRange(place.offset, place.offset + place.length);
    scroller.current.scrollTop = Math.max(0, line - LINES_ABOVE) * LINE_PX;
    scroller.current.scrollIntoView({ block: 'nearest' });
    follow();
  };
  return (
    <div class="editor">
      {marked.length > 0 && (
        <section class="editor-problems" aria-label="What is wrong">
          <h3>{counted(marked.length, 'field is', 'fields are')} not right</h3>
          <ul>
            {marked.map((problem) => (
              <li key={`${problem.line} ${problem.path} ${problem.message}`}>
                <button type="button" class="editor-problem" onClick={() => jump(problem)}>
                  {problem.line !== null && <span class="faint">line {problem.line} </span>}
                  {problem.path !== '' && <code>{problem.path}</code>} {problem.message}
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
      <div class="editor-scroll" ref={scroller}>
        <pre class="editor-numbers" aria-hidden="true">
          {Array.from({ length: lines }, (_, i) => i + 1).join('\n')}
        </pre>
        <div class="editor-text">
          <div aria-hidden="true">
            {marked.map(
              ({ line, path, message }) =>
                line !== null && (
                  <div
                    key={`${line} ${path} ${message}`}
                    class="editor-mark"
                    style={{ top: `${(line - 1) * LINE_PX}px` }}
                  >
                    <span class="cut">{message}</span>
                  </div>
                ),
            )}
          </div>
          <textarea
            ref={area}
            aria-label="The configuration as JSON"
            aria-describedby="editor-where"
            aria-invalid={marked.length > 0}
            rows={lines + 1}
            wrap="off"
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            readOnly={onText === null}
            value={text}
            onInput={(event) => {
              onText?.(event.currentTarget.value);
              follow();
            }}
            onSelect={follow}
            onKeyUp={follow}
            onClick={follow}
          />
        </div>
      </div>
      <p class="editor-where" id="editor-where">
        <Where text={text} offset={Math.min(cursor, text.length)} schema={schema} />
      </p>
    </div>
  );
}

interface WhereProps {
  readonly text: string;
  readonly offset: number;
  readonly schema: ConfigSchema | undefined;
}

function Where({ text, offset, schema }: WhereProps) {
  const { line, column } = lineOf(text, offset);
  const parts = useMemo(() => partsAt(text, offset), [text, offset]);
  const path = pathOf(parts);
  const hint = schema && path !== '' ? hintOf(schema, parts) : '';
  return (
    <>
      <span class="faint">
        line {line}, column {column}
      </span>{' '}
      {path !== '' && <code>{path}</code>} {hint !== '' && <span class="soft">{hint}</span>}
    </>
  );
}
