/** The screen Applications. */
import { Empty } from '../../parts/states.tsx';

export function ApplicationsScreen() {
  return <Empty title="Applications">This screen is not there yet.</Empty>;
}
