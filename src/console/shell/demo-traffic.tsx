/** Starts and stops the demo's traffic, where the Worker offers it: in local development. */
import { useEffect, useState } from 'preact/hooks';
import type { DemoTrafficOrder, DemoTrafficView } from '../../protocol/console/session.ts';
import { Icon } from '../parts/icons.tsx';
import { sayProblem } from '../parts/notices.tsx';
import { askAs } from '../session/session.ts';

const AGAIN_MS = 10_000;

export function DemoTraffic() {
  const [view, setView] = useState<DemoTrafficView | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    let open = true;
    const look = async () => {
      if (document.hidden) return;
      const answer = await order({ action: 'status' });
      if (open && answer.ok) setView(answer.value);
    };
    void look();
    const timer = setInterval(() => void look(), AGAIN_MS);
    return () => {
      open = false;
      clearInterval(timer);
    };
  }, []);
  const running = view?.running ?? false;
  const act = async () => {
    setBusy(true);
    const answer = await order({ action: running ? 'stop' : 'start' });
    setBusy(false);
    if (answer.ok) setView(answer.value);
    else sayProblem(answer.problem);
  };
  return (
    <button
      type="button"
      class="button"
      disabled={busy}
      title="Plays applications against the emulated endpoints of the tenant demo"
      onClick={() => void act()}
    >
      <Icon name={running ? 'stop' : 'play'} />
      <span class="wide-only">{running ? 'Stop traffic' : 'Generate traffic'}</span>
      <span class="narrow-only">{running ? 'Stop' : 'Traffic'}</span>
    </button>
  );
}

function order(body: DemoTrafficOrder) {
  return askAs<DemoTrafficView>('demo-traffic', { method: 'POST', body });
}
