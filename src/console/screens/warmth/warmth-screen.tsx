/** The screen Warmth. */
import { Empty } from '../../parts/states.tsx';

export function WarmthScreen() {
  return <Empty title="Warmth">This screen is not there yet.</Empty>;
}
