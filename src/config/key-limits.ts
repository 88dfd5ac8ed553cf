/** The limits of an API key as they are changed one by one; as they are stored, in `schema.ts`. */
import * as z from 'zod';

/** A limit of an API key in a minute. */
export const rate = z.int().min(1).max(1_000_000_000);
const changedRate = rate.nullable().optional();

/** Limits of an API key a minute: null for those of the tenant, absent for what is there. */
export const keyLimitsSchema = z.strictObject({
  requestsPerMinute: changedRate,
  tokensPerMinute: changedRate,
});
