/** The screen Runs. */
import { Empty } from '../../parts/states.tsx';

export function RunsScreen() {
  return <Empty title="Runs">This screen is not there yet.</Empty>;
}
