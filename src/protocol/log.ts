/** Writes an event to the Worker's log, one JSON object a line, as what it is to whoever reads it. */

export function logError(event: object): void {
  console.error(JSON.stringify(event));
}

export function logWarning(event: object): void {
  console.warn(JSON.stringify(event));
}

export function logEvent(event: object): void {
  console.log(JSON.stringify(event));
}
