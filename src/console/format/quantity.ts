/**
 * Numbers with their units. Money has no sign: the price of a warm second has no currency. They are
 * written without `Intl`, whose first use costs a phone 50 ms before anything is drawn.
 */

/** Digits in groups of three. */
function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

function wholeNumber(count: number): string {
  return grouped(String(Math.round(count)));
}

/** What stands for a figure that is not known. */
export const UNKNOWN = '–';

/** As in `12,345`. */
export function whole(count: number | null | undefined): string {
  return count === null || count === undefined ? UNKNOWN : wholeNumber(count);
}

const SIZES = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'K'],
] as const;

/** As in `12.3K`, for counts of which the size matters. */
export function compact(count: number | null | undefined): string {
  if (count === null || count === undefined) return UNKNOWN;
  for (const [size, sign] of SIZES) {
    const rounded = Number((count / size).toPrecision(3));
    if (Math.abs(rounded) >= 1) return `${rounded}${sign}`;
  }
  return String(Number(count.toPrecision(3)));
}

/** As in `42 %`; below one percent `0.4 %`. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return UNKNOWN;
  const value = share * 100;
  const digits = value > 0 && value < 1 ? 1 : 0;
  return `${value.toFixed(digits)} %`;
}

/** Digits behind the point at most. */
const MOST_DIGITS = 20;

/** As in `1.25`; `0.0042` below a hundredth. */
export function money(amount: number | null | undefined): string {
  if (amount === null || amount === undefined) return UNKNOWN;
  const size = Math.abs(amount);
  if (size !== 0 && size < 0.01) {
    const digits = Math.min(MOST_DIGITS, 1 - Math.floor(Math.log10(size)));
    return amount.toFixed(digits).replace(/0+$/, '');
  }
  const [before = '', after] = amount.toFixed(2).split('.');
  return `${grouped(before)}.${after}`;
}

/** As in `1 run`, `3 runs`. */
export function counted(count: number, what: string, many = `${what}s`): string {
  return `${wholeNumber(count)} ${count === 1 ? what : many}`;
}

/** Slots in use of all, as in `3 of 8`; `3` where there is no limit. */
export function ofAll(part: number, all: number | null): string {
  return all === null ? wholeNumber(part) : `${wholeNumber(part)} of ${wholeNumber(all)}`;
}
