/** Text into HTML, and numbers into text. */

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
 * Milliseconds as seconds, to the tenth, 1,234.5, and below one second to the millisecond; an error to
 * as many digits as its value.
 */
export function secondsText(ms: number, ofValueMs = ms): string {
  return (ofValueMs > 0 && ofValueMs < 1000 ? thousandths : tenths).format(ms / 1000);
}

/** To the hundredth at most, thousands apart: 1,234 or 0.05 */
export function numberText(value: number): string {
  return hundredthsAtMost.format(value);
}

/** A label of an axis: a round number, however small. */
export function tickText(value: number): string {
  return significant.format(value);
}

/** 1 slot, 2 slots */
export function countText(count: number, noun: string): string {
  return `${numberText(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** By how much a value is above (+) or below (−) another, in per cent of that one. */
export function changeText(value: number, base: number): string {
  if (!(base > 0)) return '';
  const percent = Math.round((value / base - 1) * 100);
  if (percent === 0) return '±0 %';
  return `${percent > 0 ? '+' : '−'}${Math.abs(percent)} %`;
}
