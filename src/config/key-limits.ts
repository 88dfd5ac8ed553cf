/** The limits of an API key as they are changed one by one; as they are stored, in `schema.ts`. */
import * as z from 'zod/mini';
import { intWithin } from '../http/field-schemas.ts';

/** A limit of an API key in a minute. */
export const rate = intWithin(1, 1_000_000_000);
const changedRate = z.optional(z.nullable(rate));

/** Limits of an API key a minute: null for those of the tenant, absent for what is there. */
export const keyLimitsSchema = z.strictObject({
  requestsPerMinute: changedRate,
  tokensPerMinute: changedRate,
});
