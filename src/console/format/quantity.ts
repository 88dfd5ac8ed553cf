/** Numbers with their units. Money has no sign: the price of a warm second has no currency. */

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const MONEY = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const SMALL_MONEY = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 });

/** What stands for a figure that is not known. */
export const UNKNOWN = '–';

/** As in `12,345`. */
export function whole(count: number | null | undefined): string {
  return count === null || count === undefined ? UNKNOWN : WHOLE.format(count);
}

/** As in `12.3K`, for counts of which the size matters. */
export function compact(count: number | null | undefined): string {
  return count === null || count === undefined ? UNKNOWN : COMPACT.format(count);
}

/** As in `42 %`; below one percent `0.4 %`. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return UNKNOWN;
  const value = share * 100;
  const digits = value > 0 && value < 1 ? 1 : 0;
  return `${value.toFixed(digits)} %`;
}

/** As in `1.25`; `0.0042` below a hundredth. */
export function money(amount: number | null | undefined): string {
  if (amount === null || amount === undefined) return UNKNOWN;
  if (amount !== 0 && Math.abs(amount) < 0.01) return SMALL_MONEY.format(amount);
  return MONEY.format(amount);
}

/** As in `1 run`, `3 runs`. */
export function counted(count: number, what: string, many = `${what}s`): string {
  return `${WHOLE.format(count)} ${count === 1 ? what : many}`;
}

/** Slots in use of all, as in `3 of 8`; `3` where there is no limit. */
export function ofAll(part: number, all: number | null): string {
  return all === null ? WHOLE.format(part) : `${WHOLE.format(part)} of ${WHOLE.format(all)}`;
}
