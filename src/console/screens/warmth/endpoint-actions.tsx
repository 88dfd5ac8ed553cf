/** Wake now, let go, pause: what an operator can do with an endpoint. Asked before it costs. */
import { useState } from 'preact/hooks';
import type {
  EndpointAction,
  EndpointActionAnswer,
  EndpointWarmth,
} from '../../../protocol/console/warmth.ts';
import { tenantPath } from '../../ask/tenant-path.ts';
import { confirm, type Question } from '../../parts/confirm.tsx';
import { say, sayProblem } from '../../parts/notices.tsx';
import { askAs, mayChange } from '../../session/session.ts';

const NAMES: Readonly<Record<EndpointAction, string>> = {
  wake: 'Wake now',
  release: 'Let go',
  pause: 'Pause',
  resume: 'Resume',
};

const QUESTIONS: Readonly<Record<EndpointAction, Omit<Question, 'action'> | null>> = {
  wake: {
    title: 'Wake this endpoint?',
    body: 'It is warm until its idle timeout, and costs what its platform asks for that time.',
  },
  release: {
    title: 'Let this endpoint go cold?',
    body: 'The next call that needs it waits for a cold start.',
  },
  pause: {
    title: 'Keep calls from this endpoint?',
    body: 'Calls that run there end as usual. It gets no more until it is resumed.',
  },
  resume: null,
};

export interface EndpointActionsProps {
  readonly tenant: string;
  readonly backend: string;
  readonly endpoint: EndpointWarmth;
  readonly done: () => void;
}

export function EndpointActions({ tenant, backend, endpoint, done }: EndpointActionsProps) {
  const [busy, setBusy] = useState(false);
  if (!mayChange.value) return null;
  const act = async (action: EndpointAction) => {
    const question = QUESTIONS[action];
    if (question && !(await confirm({ ...question, action: NAMES[action] }))) return;
    setBusy(true);
    const path = tenantPath(tenant, 'endpoints', backend, endpoint.endpoint, action);
    const answer = await askAs<EndpointActionAnswer>(path, { method: 'POST' });
    setBusy(false);
    if (!answer.ok) return sayProblem(answer.problem);
    say(answer.value.message, answer.value.done ? 'plain' : 'bad');
    done();
  };
  const offered: EndpointAction[] = [
    ...(endpoint.state === 'cold' ? (['wake'] as const) : []),
    ...(endpoint.state === 'warm' && endpoint.releasable ? (['release'] as const) : []),
    endpoint.paused ? 'resume' : 'pause',
  ];
  return (
    <span class="warmth-actions">
      {offered.map((action) => (
        <button
          key={action}
          type="button"
          class="button"
          disabled={busy}
          aria-label={`${NAMES[action]}: ${endpoint.endpoint}`}
          onClick={() => void act(action)}
        >
          {NAMES[action]}
        </button>
      ))}
    </span>
  );
}
