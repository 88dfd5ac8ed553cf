/**
 * A screen whose code is loaded when it is first opened. Code of an old deployment may be gone from
 * the server: then the page must be loaded anew, and says so.
 */
import type { ComponentChild, ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Empty, Loading } from './states.tsx';

export interface LateComponent<P extends object> {
  (props: P): ComponentChild;
  /** Loads the code before the screen is opened. A failure is told when it is opened. */
  ready(): Promise<void>;
}

export function late<P extends object>(load: () => Promise<ComponentType<P>>): LateComponent<P> {
  let loaded: ComponentType<P> | undefined;
  function Late(props: P) {
    const [Screen, setScreen] = useState(() => loaded);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (Screen) return;
      load().then(
        (component) => {
          loaded = component;
          setScreen(() => component);
        },
        () => setFailed(true),
      );
    }, [Screen]);
    if (Screen) return <Screen {...props} />;
    return failed ? <Gone /> : <Loading />;
  }
  Late.ready = () =>
    load().then(
      (component) => {
        loaded = component;
      },
      () => {},
    );
  return Late;
}

function Gone() {
  return (
    <Empty
      title="A part of the page could not be loaded"
      actions={
        <button type="button" class="button" onClick={() => location.reload()}>
          Reload the page
        </button>
      }
    >
      There is no network, or the service was deployed anew since this page was opened.
    </Empty>
  );
}
