/** One call. */
import { Empty } from '../../parts/states.tsx';

export function CallScreen() {
  return <Empty title="Call">This screen is not there yet.</Empty>;
}
