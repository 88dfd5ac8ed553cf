/** One run. */
import { Empty } from '../../parts/states.tsx';

export function RunScreen() {
  return <Empty title="Run">This screen is not there yet.</Empty>;
}
