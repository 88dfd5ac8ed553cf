/** The screen Warmth: when endpoints were warm and why, what was forecast and came, and the money. */

import { useEffect, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { WarmthView } from '../../../protocol/console/warmth.ts';
import { useResource } from '../../ask/resource.ts';
import {
  tenantPath,
  WARMTH_WINDOWS,
  type WarmthWindow,
  warmthPath,
} from '../../ask/tenant-path.ts';
import { begunAt } from '../../begin/begun.ts';
import { exactNow } from '../../format/clock.ts';
import { changes } from '../../live/changes.ts';
import { watch } from '../../live/live.ts';
import { Empty, Loaded } from '../../parts/states.tsx';
import { screenPlace, settingsPlace } from '../../places/places.ts';
import { useNames } from '../../places/use-names.ts';
import { BackendWarmthPart } from './backend-warmth.tsx';
import { MoneyPart } from './money-part.tsx';
import './warmth.css';

/** The window ends now: it is moved on after a change, and at this pace, ms. */
const MOVE_MS = 60_000;
const LEAST_GAP_MS = 5_000;
/** So far the machine's clock may be from the Worker's for what was asked by it, ms. */
const NEAR_MS = 2_000;

export function WarmthScreen() {
  const tenant = useNames().tenant ?? '';
  const { query } = useLocation();
  const chosen: WarmthWindow = isWindow(query.window) ? query.window : '6h';
  const to = useMovingEnd();
  const keptAs = `${tenantPath(tenant, 'warmth')} ${chosen}`;
  const asked = useResource<WarmthView>(warmthPath(tenant, chosen, to), undefined, keptAs);
  return (
    <>
      <div class="screen-head">
        <h1>Warmth</h1>
        <span class="bar-space" />
        <nav class="tabs" aria-label="Time that is shown">
          {Object.keys(WARMTH_WINDOWS).map((name) => (
            <a
              key={name}
              href={`${screenPlace(tenant, 'warmth')}?window=${name}`}
              aria-current={name === chosen ? 'page' : undefined}
            >
              {name}
            </a>
          ))}
        </nav>
      </div>
      <Loaded resource={asked} lines={9}>
        {(view) => <Warmth tenant={tenant} view={view} reload={asked.reload} />}
      </Loaded>
    </>
  );
}

interface WarmthProps {
  readonly tenant: string;
  readonly view: WarmthView;
  readonly reload: () => void;
}

function Warmth({ tenant, view, reload }: WarmthProps) {
  const scaling = view.backends.filter((b) => b.endpoints.some((e) => e.canGoCold));
  if (scaling.length === 0) {
    return (
      <Empty
        title="No endpoint goes cold"
        actions={
          <a class="button" href={settingsPlace(tenant, 'configuration')}>
            Open the configuration
          </a>
        }
      >
        Endpoints with a <code>coldStart</code> scale to zero: Talaria wakes them ahead of need, and
        shows here when and at what price.
      </Empty>
    );
  }
  return (
    <>
      <MoneyPart money={view.money} />
      {scaling.map((backend) => (
        <BackendWarmthPart
          key={backend.backend}
          tenant={tenant}
          view={view}
          backend={backend}
          reload={reload}
        />
      ))}
    </>
  );
}

/** The present; or the moment for which the first script has asked, by the machine's own clock. */
function firstEnd(): number {
  const [now, begun] = [exactNow(), begunAt()];
  const isRight = Math.abs(now - Date.now()) < NEAR_MS;
  return begun !== null && isRight ? begun : now;
}

/** The end of the window. It stands still between changes, so that nothing is asked for. */
function useMovingEnd(): number {
  const [to, setTo] = useState(firstEnd);
  useEffect(() => {
    const unwatch = watch('warmth');
    let timer: ReturnType<typeof setTimeout> | undefined;
    const move = () => {
      timer = undefined;
      if (!document.hidden) setTo(exactNow());
    };
    const first = changes.warmth.peek();
    const end = changes.warmth.subscribe((count) => {
      if (count !== first) timer ??= setTimeout(move, LEAST_GAP_MS);
    });
    const pace = setInterval(move, MOVE_MS);
    return () => {
      unwatch();
      end();
      clearTimeout(timer);
      clearInterval(pace);
    };
  }, []);
  return Math.round(to);
}

function isWindow(name: string | undefined): name is WarmthWindow {
  return name !== undefined && Object.hasOwn(WARMTH_WINDOWS, name);
}
