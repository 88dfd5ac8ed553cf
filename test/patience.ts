/**
 * How long tests wait for an expected event, so that a busy machine fails no test; `vi.waitFor`
 * alone waits one second.
 */
export const PATIENT = { timeout: 60_000, interval: 5 } as const;
