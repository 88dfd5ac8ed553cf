/**
 * Numbers of samples in 16 bits: 0 and Infinity exactly, all between 1e-3 and 1e9 to 0.02 %. A sample
 * is an observation of something that varies by far more, and half the memory is twice the
 * applications that an object can know.
 */

const LEAST = 1e-3;
const STEPS = 65_534;
const SPAN = Math.log(1e12);
const INFINITE = 65_535;

/** The numbers that the codes stand for; one table for all. */
const VALUES = Float32Array.from({ length: 65_536 }, (_, code) => {
  if (code === 0) return 0;
  return code === INFINITE ? Infinity : LEAST * Math.exp(((code - 1) / (STEPS - 1)) * SPAN);
});

/** The code nearest to a number of 0 or more. */
export function encode(value: number): number {
  if (value === Infinity) return INFINITE;
  if (value < LEAST) return 0;
  const step = Math.round((Math.log(value / LEAST) / SPAN) * (STEPS - 1));
  return 1 + Math.min(STEPS - 1, step);
}

export function decode(code: number): number {
  return VALUES[code] ?? 0;
}
