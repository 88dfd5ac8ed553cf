/** Formats text and numbers as HTML text. */

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c);
}

const digits = (least: number, most: number) =>
  new Intl.NumberFormat('en', { minimumFractionDigits: least, maximumFractionDigits: most });
const tenths = digits(1, 1);
const thousandths = digits(3, 3);
const hundredthsAtMost = digits(0, 2);
const significant = new Intl.NumberFormat('en', { maximumSignificantDigits: 6 });

/**
 * Milliseconds as seconds: with one decimal from one second on (1,234.5), with three below. An
 * error gets as many digits as its value, which is `ofValueMs`.
 */
export function secondsText(ms: number, ofValueMs = ms): string {
  return (ofValueMs > 0 && ofValueMs < 1000 ? thousandths : tenths).format(ms / 1000);
}

/** A number with at most two decimals and thousands separators: 1,234 or 0.05. */
export function numberText(value: number): string {
  return hundredthsAtMost.format(value);
}

/** A label of an axis: a round number of any size. */
export function tickText(value: number): string {
  return significant.format(value);
}

/** A count with its noun: 1 slot, 2 slots. */
export function countText(count: number, noun: string): string {
  return `${numberText(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** By how many per cent of `base` a value is above (+) or below (−) it. */
export function changeText(value: number, base: number): string {
  if (!(base > 0)) return '';
  const percent = Math.round((value / base - 1) * 100);
  if (percent === 0) return '±0 %';
  return `${percent > 0 ? '+' : '−'}${Math.abs(percent)} %`;
}
