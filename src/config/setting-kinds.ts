/** Kinds of values that several parts of the configuration have. */
import { intWithin, textLike } from '../http/field-schemas.ts';

/** The name of a tenant, backend or endpoint, or the id of an API key. */
export const name = textLike(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
  'expected 1 to 64 letters, digits, ".", "_" or "-", the first a letter or digit',
);

/** A time of a day at most. */
export const milliseconds = intWithin(1, 86_400_000);
