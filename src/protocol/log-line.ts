/** Lines of the log: one JSON object for each event, as platforms index them. */

/** Logs that something is wrong, with what is known of it. */
export function logError(event: string, facts: object): void {
  console.error(JSON.stringify({ event, ...facts }));
}

/** Logs what an attempt failed with. */
export function logFailure(event: string, error: unknown, facts: object = {}): void {
  logError(event, { ...facts, error: String(error) });
}
