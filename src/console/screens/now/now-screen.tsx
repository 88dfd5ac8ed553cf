/** The screen Now. */
import { Empty } from '../../parts/states.tsx';

export function NowScreen() {
  return <Empty title="Now">This screen is not there yet.</Empty>;
}
