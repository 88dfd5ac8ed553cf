/** The limits of a key: of a new one, or of one that is there. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { KeyOrder, NewKey } from '../../../protocol/console/settings.ts';
import type { Problem } from '../../ask/problem.ts';
import { tenantPath } from '../../ask/tenant-path.ts';
import { say } from '../../parts/notices.tsx';
import { askAs } from '../../session/session.ts';

const MOST = 1_000_000_000;

export interface LimitsOf {
  /** Null for a key that is to be made. */
  readonly id: string | null;
  readonly requests: number | null;
  readonly tokens: number | null;
}

export interface KeyLimitsProps {
  readonly tenant: string;
  readonly of: LimitsOf;
  readonly close: () => void;
  /** With the key, where one was made. */
  readonly done: (made: NewKey | null) => void;
}

export function KeyLimits({ tenant, of, close, done }: KeyLimitsProps) {
  const [requests, setRequests] = useState(textOf(of.requests));
  const [tokens, setTokens] = useState(textOf(of.tokens));
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const first = useRef<HTMLInputElement>(null);
  // At once: later it would take the focus from a field that was gone to meanwhile.
  useLayoutEffect(() => first.current?.focus(), []);
  const fields = [
    { name: 'requestsPerMinute', label: 'Requests a minute', text: requests, set: setRequests },
    { name: 'tokensPerMinute', label: 'Tokens a minute', text: tokens, set: setTokens },
  ].map((field) => ({ ...field, wrong: wrongIn(field.text) }));
  const submit = async () => {
    if (fields.some(({ wrong }) => wrong !== null)) return;
    setBusy(true);
    const [requestsPerMinute, tokensPerMinute] = [numberOf(requests), numberOf(tokens)];
    const order: KeyOrder = { requestsPerMinute, tokensPerMinute };
    const answer =
      of.id === null
        ? await askAs<NewKey>(tenantPath(tenant, 'keys'), { method: 'POST', body: order })
        : await askAs<null>(tenantPath(tenant, 'keys', of.id), { method: 'PUT', body: order });
    setBusy(false);
    if (!answer.ok) return setProblem(answer.problem);
    if (of.id !== null) say(`The limits of ${of.id} are changed.`);
    done(of.id === null ? (answer.value as NewKey) : null);
  };
  return (
    <section class="card" aria-labelledby="limits-head">
      <div class="card-head">
        <h2 id="limits-head">{of.id === null ? 'A new key' : `Limits of ${of.id}`}</h2>
      </div>
      <form
        class="card-body limits"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        {fields.map(({ name, label, text, set, wrong }, i) => (
          <label key={name} class="field">
            <span>{label}</span>
            <input
              ref={i === 0 ? first : null}
              class="input"
              inputMode="numeric"
              placeholder="as the tenant’s"
              value={text}
              aria-invalid={wrong !== null || problem?.param === name}
              onInput={(event) => set(event.currentTarget.value)}
            />
            {wrong !== null && <span class="field-problem">{wrong}</span>}
          </label>
        ))}
        <div class="limits-actions">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button" data-kind="main" disabled={busy}>
            {of.id === null ? 'Make the key' : 'Save the limits'}
          </button>
        </div>
        {problem && (
          <p class="field-problem" role="alert">
            {problem.message}
          </p>
        )}
      </form>
    </section>
  );
}

function textOf(limit: number | null): string {
  return limit === null ? '' : String(limit);
}

/** Empty: the tenant's limit. */
function numberOf(text: string): number | null {
  return text.trim() === '' ? null : Number(text);
}

function wrongIn(text: string): string | null {
  const value = numberOf(text);
  if (value === null || (Number.isInteger(value) && value >= 1 && value <= MOST)) return null;
  return 'A whole number from 1, or nothing';
}
