/**
 * Replacements in Node for what the object's files import from workerd: base classes without
 * behaviour.
 */

export class DurableObject<Env> {
  readonly ctx: unknown;
  readonly env: Env;

  constructor(ctx: unknown, env: Env) {
    this.ctx = ctx;
    this.env = env;
  }
}

export class RpcTarget {}

/** Replaces itty-durable. No endpoint of the model goes cold, so the directory is never called. */
export function proxyDurable(): never {
  throw new Error('the model has no directory');
}
