/** How long tests wait for what must come: a busy machine must not fail one. `vi.waitFor` gives a second. */
export const PATIENT = { timeout: 60_000, interval: 5 } as const;
