/** The event by which a client reports the begin or end of a unit that it runs itself. */
import * as z from 'zod/mini';
import { isName } from '../protocol/name.ts';

const name = z.string().check(z.refine(isName, 'expected 1 to 128 printable ASCII characters'));

export const runEventSchema = z.strictObject({
  type: z.enum(['unit_begin', 'unit_end']),
  unit: name,
  /** Required where the event is the first that is known of its run. */
  app: z.optional(name),
});
