/** The state of a run as a badge. */
import type { RunState } from '../../../protocol/console/runs.ts';
import { Badge, type Tone } from '../../parts/badge.tsx';
import type { IconName } from '../../parts/icons.tsx';

const STATES: Readonly<Record<RunState, readonly [Tone, IconName, string]>> = {
  waiting: ['amber', 'half', 'Has a call that waits for a slot'],
  running: ['blue', 'play', 'Has a call that holds a slot'],
  between: ['plain', 'pause', 'In flight: no call waits or runs'],
  ended: ['good', 'check', 'Its last call succeeded'],
  failed: ['bad', 'cross', 'Its last call did not succeed'],
};

export function RunStateBadge({ state }: { readonly state: RunState }) {
  const [tone, icon, title] = STATES[state] ?? ['plain', 'dot', ''];
  return (
    <Badge tone={tone} icon={icon} title={title}>
      {state}
    </Badge>
  );
}
