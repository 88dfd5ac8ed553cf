/** The encoder of text as UTF-8, which keeps no state: one serves everybody. */
export const ENCODER = new TextEncoder();
