/** The names along the axis of a small chart. */

/** Signs of its axis that fit into the narrowest chart. */
const AXIS_CHARS = 40;

/** Names of ticks, as many as fit beside each other. */
export function spaced(names: readonly string[]): Array<{ at: number; name: string }> {
  const widest = Math.max(...names.map(({ length }) => length)) + 2;
  const step = Math.ceil((names.length * widest) / AXIS_CHARS);
  return names.map((name, at) => ({ at, name: at % step === 0 ? name : '' }));
}
