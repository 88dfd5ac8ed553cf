/** The whole page: the door, or the frame with its screens. */
import { useEffect } from 'preact/hooks';
import { Failure, Loading } from '../parts/states.tsx';
import { openSession, session } from '../session/session.ts';
import { Frame } from './frame.tsx';
import { SignIn } from './sign-in.tsx';

const RETRY_MS = 5_000;

export function App() {
  const state = session.value;
  switch (state.kind) {
    case 'signed-in':
      return <Frame view={state.view} />;
    case 'signing-in':
      return (
        <div class="door">
          <main>
            <Loading />
          </main>
        </div>
      );
    case 'unreachable':
      return <Unreachable />;
    case 'signed-out':
      return <SignIn />;
    default:
      return state satisfies never;
  }
}

function Unreachable() {
  useEffect(() => {
    const timer = setInterval(() => void openSession(), RETRY_MS);
    return () => clearInterval(timer);
  }, []);
  const state = session.value;
  if (state.kind !== 'unreachable') return null;
  return (
    <div class="door">
      <main>
        <Failure problem={state.problem} retry={() => void openSession()} />
      </main>
    </div>
  );
}
