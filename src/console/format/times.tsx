/** Times on the page: relative as text, absolute on hover and for machines. */

import { now } from './clock.ts';
import { absolute, relative, wholeSeconds } from './duration.ts';

/** `3 min ago`. */
export function Ago({ at }: { readonly at: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={absolute(at)}>
      {relative(at, now.value)}
    </time>
  );
}

/** How long something has lasted, or how long until it comes: `1 min 20 s`, and it ticks. */
export function Since({ at }: { readonly at: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={absolute(at)}>
      {wholeSeconds(now.value - at)}
    </time>
  );
}
