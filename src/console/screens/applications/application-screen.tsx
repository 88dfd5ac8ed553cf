/** One application. */
import { Empty } from '../../parts/states.tsx';

export function ApplicationScreen() {
  return <Empty title="Application">This screen is not there yet.</Empty>;
}
