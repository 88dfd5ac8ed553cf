/**
 * Reads the body of a client's request within the limits of its tenant, after the checks that need no
 * body, and counts it as in hand until nobody needs it. How a body is read is in `http/read-body.ts`.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import type { TenantConfig } from '../config/schema.ts';
import { type ApiError, errorResponse, type Outcome } from '../http/errors.ts';
import { type Hand, type HandLimits, InHand } from '../http/in-hand.ts';
import { onAbort } from '../http/on-abort.ts';
import type { Pace } from '../http/paced-reader.ts';
import { ARRIVED_PART, discardBody, readBody } from '../http/read-body.ts';
import { refusedUntil } from './refused-keys.ts';

/** Bodies that this isolate holds, and those that it relays. */
const bodies = new InHand('bodies in hand');
const uploads = new InHand('uploads');

/** Bytes of bodies that one isolate holds; the platform ends an isolate beyond 128 MB. */
const MOST_BYTES = 96_000_000;
/** Bodies up to this length are read before the limits of their key are known to be reached. */
const SHORT_BYTES = 65_536;

/** A body, in hand until it is released. */
export interface ClientBody {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly hand: Hand;
}

/**
 * Reads the body and answers with `use`; the body is in hand until that answer is there, and longer
 * where `hand.until` says so. `keepsEncoding`: the bytes stay in the encoding in which they came.
 */
export async function withBody(
  c: Context<AppEnv>,
  maxBytes: number,
  use: (body: ClientBody) => Promise<Response>,
  { keepsEncoding = false } = {},
): Promise<Response> {
  const { config } = c.get('tenant');
  const refuse = (error: ApiError) => errorResponse(error, { 'x-request-id': c.get('requestId') });
  const { bodies: count, bytes } = config.limits.inHand;
  // A longer one has no room even where nothing else is held, so its client is not told to wait.
  const most = Math.min(maxBytes, bytes, Math.floor(memoryOf(c) * mostOfRoom(c, keepsEncoding)));
  const taken = takeInHand(c, bodies, { count, bytes }, most);
  if (!taken.ok) {
    await discardBody(c.req.raw);
    return refuse(taken.error);
  }
  const { hand } = taken;
  try {
    const rules = { maxBytes: most, pace: config.limits.body, hand, keepsEncoding };
    const read = await readBody(c.req.raw, rules);
    if (!read.ok) return refuse(read.error);
    const { bytes } = read;
    hand.onUnused(() => freeMemory(bytes));
    return await use({ bytes, hand });
  } finally {
    hand.release();
  }
}

/**
 * The part of an empty room that one body can have. An owner has half of what is free: a body that grows
 * piece by piece ends there. One whose length is known asks for the rest once a part of it has come.
 */
function mostOfRoom(c: Context<AppEnv>, keepsEncoding: boolean): number {
  const headers = c.get('headers');
  const isDecoded = !keepsEncoding && headers.has('content-encoding');
  return headers.has('content-length') && !isDecoded ? 1 / (1 + ARRIVED_PART) : 1 / 2;
}

/**
 * Gives back the memory of bytes that nobody needs any longer. The collector sees only how much there
 * is of JavaScript's own objects, and comes late for a few long bodies.
 */
function freeMemory({ buffer }: Uint8Array<ArrayBuffer>): void {
  buffer.transfer(0);
}

/** Counts a body that is relayed as it arrives. */
export function takeUpload(c: Context<AppEnv>): Outcome<{ hand: Hand }> {
  const { count } = c.get('tenant').config.limits.uploads;
  return takeInHand(c, uploads, { count, bytes: Infinity });
}

/** How fast a body must arrive that is relayed. */
export function uploadPaceOf({ limits }: TenantConfig): Pace {
  const { bytesPerSecond, graceMs } = limits.uploads;
  return { ...limits.body, bytesPerSecond, graceMs };
}

/** What this isolate holds of one API key. */
export interface HeldOfKey {
  readonly key: string;
  readonly bodies: number;
  readonly bodyBytes: number;
  readonly uploads: number;
}

/** What this isolate holds of a tenant's API keys; those of which it holds nothing are absent. */
export function heldOfKeys(tenant: string): HeldOfKey[] {
  const prefix = `${tenant}/`;
  const owners = [bodies, uploads].flatMap(({ holdings }) => [...holdings].map(([owner]) => owner));
  return [...new Set(owners)]
    .filter((owner) => owner.startsWith(prefix))
    .map((owner) => ({
      key: owner.slice(prefix.length),
      bodies: bodies.of(owner).count,
      bodyBytes: bodies.of(owner).bytes,
      uploads: uploads.of(owner).count,
    }));
}

/** The name under which this isolate counts what it holds of a key. */
export function ownerOf(c: Context<AppEnv>): string {
  return `${c.get('tenant').tenant}/${c.get('keyId')}`;
}

/** Bytes of bodies that this isolate may hold. */
function memoryOf(c: Context<AppEnv>): number {
  return Number(c.env.BODY_MEMORY_BYTES ?? MOST_BYTES);
}

/** `most`: a body that is longer is refused by its reader, and none of it is held. */
function takeInHand(
  c: Context<AppEnv>,
  kind: InHand,
  limits: HandLimits,
  most = Infinity,
): Outcome<{ hand: Hand }> {
  const owner = ownerOf(c);
  const request = c.req.raw;
  const length = Number(c.get('headers').get('content-length') ?? Infinity);
  if (request.body && length > SHORT_BYTES) {
    const refused = refusedUntil(owner);
    if (refused) return refused;
  }
  const expected = Number.isFinite(length) && length <= most ? length : 0;
  const taken = kind.take(owner, limits, memoryOf(c), expected);
  if (!taken.ok) return taken;
  const { hand } = taken;
  // The runtime stops a Worker whose client has left without notice: what it held would count for
  // ever. This keeps it alive until the signal has come.
  c.executionCtx.waitUntil(hand.released);
  onAbort(request.signal, () => hand.drop(), hand.released);
  return taken;
}
