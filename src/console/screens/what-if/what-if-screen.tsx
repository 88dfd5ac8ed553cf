/** The screen What if. */
import { Empty } from '../../parts/states.tsx';

export function WhatIfScreen() {
  return <Empty title="What if">This screen is not there yet.</Empty>;
}
