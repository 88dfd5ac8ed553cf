/** Durations and ages as people read them: two units at most, and the same width while they tick. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** As in `340 ms`, `2.1 s`, `1 min 20 s`, `2 h 5 min`, `3 d 4 h`; `–` for what is not known. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–';
  const size = Math.abs(ms);
  const sign = ms < 0 ? '−' : '';
  if (size < 999.5) return `${sign}${Math.round(size)} ms`;
  if (size < 59_950) return `${sign}${(size / SECOND).toFixed(1)} s`;
  if (size < HOUR - SECOND / 2) return sign + pair(size, MINUTE, 'min', SECOND, 's');
  if (size < DAY - MINUTE / 2) return sign + pair(size, HOUR, 'h', MINUTE, 'min');
  return sign + pair(size, DAY, 'd', HOUR, 'h');
}

function pair(ms: number, large: number, largeUnit: string, small: number, smallUnit: string) {
  const whole = Math.round(ms / small);
  const perLarge = large / small;
  const rest = whole % perLarge;
  const first = `${Math.floor(whole / perLarge)} ${largeUnit}`;
  return rest === 0 ? first : `${first} ${rest} ${smallUnit}`;
}

/** The same in whole seconds, for what ticks. */
export function wholeSeconds(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND));
  return seconds < 60 ? `${seconds} s` : duration(seconds * SECOND);
}

/** An age in whole units, which ticks calmly: `now`, `12 s ago`, `in 3 min`. */
export function relative(at: number, now: number): string {
  const ms = at - now;
  const size = Math.abs(ms);
  if (size < 1_500) return 'now';
  const text =
    size < MINUTE
      ? `${Math.round(size / SECOND)} s`
      : size < HOUR
        ? `${Math.round(size / MINUTE)} min`
        : size < 2 * DAY
          ? `${Math.round(size / HOUR)} h`
          : `${Math.round(size / DAY)} d`;
  return ms < 0 ? `${text} ago` : `in ${text}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Date, time and zone, as in `Nov 27, 2026, 15:04:05 UTC+1`. Written without `Intl`, as numbers are. */
export function absolute(at: number): string {
  const date = new Date(at);
  return `${dayOf(date)}, ${date.getFullYear()}, ${timeOfDay(at)} ${zoneOf(date)}`;
}

/** Time of day to the second. */
export function timeOfDay(at: number): string {
  const date = new Date(at);
  return `${clockOf(date)}:${two(date.getSeconds())}`;
}

/** Day and time to the minute. */
export function dayAndTime(at: number): string {
  const date = new Date(at);
  return `${dayOf(date)}, ${clockOf(date)}`;
}

function dayOf(date: Date): string {
  return `${MONTHS[date.getMonth()]} ${date.getDate()}`;
}

function clockOf(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

function zoneOf(date: Date): string {
  const ahead = -date.getTimezoneOffset();
  if (ahead === 0) return 'UTC';
  const [hours, minutes] = [Math.trunc(Math.abs(ahead) / 60), Math.abs(ahead) % 60];
  const rest = minutes === 0 ? '' : `:${two(minutes)}`;
  return `UTC${ahead < 0 ? '−' : '+'}${hours}${rest}`;
}

function two(part: number): string {
  return String(part).padStart(2, '0');
}
