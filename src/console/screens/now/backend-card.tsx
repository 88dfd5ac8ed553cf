/** A backend with its endpoints: who serves, how full it is, and what the day cost. */
import type { BackendNow, EndpointNow } from '../../../protocol/console/now.ts';
import { duration } from '../../format/duration.ts';
import { money, ofAll, UNKNOWN, whole } from '../../format/quantity.ts';
import { Since } from '../../format/times.tsx';
import { Badge } from '../../parts/badge.tsx';
import { EndpointState } from '../../parts/endpoint-state.tsx';
import { Figure, Figures, Meter } from '../../parts/figures.tsx';
import { CutText } from '../../parts/full-text.tsx';
import { screenPlace } from '../../places/places.ts';

const PREWARM = {
  off: null,
  'dry-run': 'prewarm: dry run',
  on: 'prewarm on',
} as const;

export interface BackendCardProps {
  readonly tenant: string;
  readonly backend: BackendNow;
}

export function BackendCard({ tenant, backend }: BackendCardProps) {
  const { spend, endpoints } = backend;
  const prewarm = PREWARM[backend.prewarm];
  const goesCold = endpoints.some((endpoint) => endpoint.goesCold !== 'never');
  return (
    <section class="card" aria-label={`Backend ${backend.backend}`}>
      <div class="card-head">
        <h2 class="cut">{backend.backend}</h2>
        {prewarm && <Badge>{prewarm}</Badge>}
      </div>
      <div class="card-body now-backend">
        <Figures>
          <Figure name="Slots in use" title={slotsHint(backend)}>
            {slotsInUse(backend)}
          </Figure>
          <Figure name="Waiting">{whole(backend.waitingRuns)}</Figure>
          <Figure name="Expected wait" title="Of a call that joins the end of the line">
            {duration(backend.expectedWaitMs)}
          </Figure>
          {goesCold && (
            <Figure name="Spent today" title={spendHint(backend)}>
              {spend.money > 0 ? money(spend.money) : `${duration(spend.warmMs)} warm`}
            </Figure>
          )}
        </Figures>
        <ul class="now-endpoints">
          {endpoints.map((endpoint) => (
            <EndpointLine key={endpoint.endpoint} tenant={tenant} endpoint={endpoint} />
          ))}
          {endpoints.length === 0 && <li class="faint">No endpoint is configured.</li>}
        </ul>
      </div>
    </section>
  );
}

function EndpointLine({
  tenant,
  endpoint,
}: {
  readonly tenant: string;
  readonly endpoint: EndpointNow;
}) {
  const { slots, slotsInUse, usableSlots } = endpoint;
  const most = usableSlots ?? slots;
  return (
    <li class="now-endpoint">
      <a class="cut" href={screenPlace(tenant, 'warmth')} title={endpoint.endpoint}>
        {endpoint.endpoint}
      </a>
      <EndpointState {...endpoint} />
      <span class="now-slots">
        {most !== null && most > 0 && <Meter share={slotsInUse / most} />}
        <span class="number">{ofAll(slotsInUse, most)}</span>
      </span>
      <span class="faint now-since">
        {endpoint.state === 'warming' && endpoint.startsInMs !== null ? (
          `warm in ${duration(endpoint.startsInMs)}`
        ) : (
          <>
            for <Since at={endpoint.stateSince} />
          </>
        )}
      </span>
      {endpoint.lastError && (
        <span class="now-error">
          {endpoint.lastError.of} failed <Since at={endpoint.lastError.at} /> ago:{' '}
          <CutText
            title={`Why the ${endpoint.lastError.of} failed`}
            text={endpoint.lastError.reason}
          />
        </span>
      )}
    </li>
  );
}

/** Of those that are up; none are while the backend is cold. */
function slotsInUse({ slotsInUse: used, effectiveSlots, slots }: BackendNow): string {
  if (effectiveSlots === 0 && slots !== 0) return `${ofAll(used, slots)}, none up`;
  return ofAll(used, effectiveSlots);
}

function slotsHint({ slots, effectiveSlots }: BackendNow): string {
  if (slots === null || effectiveSlots === null) return 'There is no limit';
  return `${effectiveSlots} of the ${slots} configured slots are up`;
}

function spendHint({ spend }: BackendNow): string {
  const left = spend.moneyLeft === null ? UNKNOWN : money(spend.moneyLeft);
  return `Warm for ${duration(spend.warmMs)} today (UTC); budget left: ${left}`;
}
