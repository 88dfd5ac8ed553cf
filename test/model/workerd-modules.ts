/** What the object's files import of workerd, for Node: base classes without behaviour. */

export class DurableObject<Env> {
  readonly ctx: unknown;
  readonly env: Env;

  constructor(ctx: unknown, env: Env) {
    this.ctx = ctx;
    this.env = env;
  }
}

export class RpcTarget {}

/** itty-durable: the directory is not asked here, since no endpoint of the model goes cold. */
export function proxyDurable(): never {
  throw new Error('the model has no directory');
}
