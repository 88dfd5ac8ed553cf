/** The screen Settings. */
import { Empty } from '../../parts/states.tsx';

export function SettingsScreen() {
  return <Empty title="Settings">This screen is not there yet.</Empty>;
}
