/** The weight of an application in the order: twice the weight halves its rank. */
import { useState } from 'preact/hooks';
import type { WeightOrder } from '../../../protocol/console/applications.ts';
import { tenantPath } from '../../ask/tenant-path.ts';
import { confirm } from '../../parts/confirm.tsx';
import { say, sayProblem } from '../../parts/notices.tsx';
import { askAs, mayChange } from '../../session/session.ts';

export interface WeightEditProps {
  readonly tenant: string;
  readonly app: string;
  readonly weight: number;
  readonly saved: () => void;
}

export function WeightEdit({ tenant, app, weight, saved }: WeightEditProps) {
  const [text, setText] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  if (!mayChange.value) return <span class="soft">Weight {weight}</span>;
  const value = Number(text);
  const isWrong = text !== null && (text.trim() === '' || !Number.isFinite(value) || value <= 0);
  const save = async (order: WeightOrder) => {
    const agreed = await confirm({
      title: 'Change the weight?',
      body:
        order.weight === null
          ? 'The application gets the default weight 1.'
          : `Its runs are ranked as if they had 1/${order.weight} of their work, against those of the tenant's other applications.`,
      action: 'Change the weight',
    });
    if (!agreed) return;
    setBusy(true);
    const path = tenantPath(tenant, 'applications', app, 'weight');
    const answer = await askAs(path, { method: 'PUT', body: order });
    setBusy(false);
    if (!answer.ok) return sayProblem(answer.problem);
    say('The weight is changed.');
    // Another weight may have been typed meanwhile.
    setText((now) => (now === text ? null : now));
    saved();
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (text !== null && !isWrong) void save({ weight: value });
  };
  return (
    <form class="weight" onSubmit={submit}>
      <label class="soft" for="weight">
        Weight
      </label>
      <input
        id="weight"
        class="input"
        inputMode="decimal"
        aria-invalid={isWrong}
        title={isWrong ? 'A number above 0' : 'Runs go as if they had less work, by this factor'}
        value={text ?? String(weight)}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {text !== null && (
        <button type="submit" class="button" data-kind="main" disabled={busy || isWrong}>
          Save
        </button>
      )}
      {weight !== 1 && text === null && (
        <button
          type="button"
          class="button"
          disabled={busy}
          onClick={() => void save({ weight: null })}
        >
          Default
        </button>
      )}
    </form>
  );
}
