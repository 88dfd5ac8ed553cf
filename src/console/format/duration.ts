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

const ABSOLUTE = new Intl.DateTimeFormat(undefined, {
  dateStyle: 'medium',
  timeStyle: 'long',
});
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' });
const DAY_AND_CLOCK = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});

/** Date, time and zone. */
export function absolute(at: number): string {
  return ABSOLUTE.format(at);
}

/** Time of day to the second. */
export function timeOfDay(at: number): string {
  return CLOCK.format(at);
}

/** Day and time to the minute. */
export function dayAndTime(at: number): string {
  return DAY_AND_CLOCK.format(at);
}
