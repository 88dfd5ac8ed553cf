/** A value as JSON; undefined where it is nested so deeply that it cannot be written. */
export function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
