/** The state of an endpoint as badges: what it is, whether that is only presumed, and what bars it. */
import { absolute } from '../format/duration.ts';
import { Badge, type Tone } from './badge.tsx';
import type { IconName } from './icons.tsx';

export interface EndpointStateProps {
  readonly state: 'cold' | 'warming' | 'warm' | 'draining';
  readonly presumed: boolean;
  readonly paused: boolean;
  readonly circuit?: 'closed' | 'half-open' | 'open';
  readonly circuitOpenUntil?: number | null;
}

const TONES: Readonly<Record<EndpointStateProps['state'], readonly [Tone, IconName]>> = {
  cold: ['plain', 'cold'],
  warming: ['amber', 'half'],
  warm: ['good', 'dot'],
  draining: ['plain', 'out'],
};

export function EndpointState(props: EndpointStateProps) {
  const { state, presumed, paused, circuit = 'closed', circuitOpenUntil = null } = props;
  const [tone, icon] = TONES[state];
  return (
    <span class="badges">
      <Badge
        tone={tone}
        icon={icon}
        {...(presumed ? { title: 'Presumed: nothing has proved it since' } : {})}
      >
        {presumed ? `${state}?` : state}
      </Badge>
      {paused && (
        <Badge tone="amber" icon="pause" title="An operator keeps calls from it">
          paused
        </Badge>
      )}
      {circuit !== 'closed' && (
        <Badge
          tone="bad"
          icon="alert"
          title={
            circuitOpenUntil === null
              ? 'Calls are kept from it for its faults'
              : `Calls are kept from it for its faults until ${absolute(circuitOpenUntil)}`
          }
        >
          {circuit === 'open' ? 'circuit open' : 'on trial'}
        </Badge>
      )}
    </span>
  );
}
