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

const oneDigit = new Intl.NumberFormat('en', {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const plain = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });

/** Milliseconds as seconds, to the tenth: 1,234.5 */
export function secondsText(ms: number): string {
  return oneDigit.format(ms / 1000);
}

/** Digits as needed, thousands apart: 1,234 or 0.05 */
export function numberText(value: number): string {
  return plain.format(value);
}

/** By how much a value is above (+) or below (−) another, in per cent of that one. */
export function changeText(value: number, base: number): string {
  if (!(base > 0)) return '';
  const percent = Math.round((value / base - 1) * 100);
  if (percent === 0) return '±0 %';
  return `${percent > 0 ? '+' : '−'}${Math.abs(percent)} %`;
}
