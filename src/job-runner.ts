/**
 * Makes a job's call: the jobs' object asks this entrypoint, and the call goes the way of every other
 * through the app, in a Worker's context of its own. No route leads here from outside. When the object
 * lets go of the request, the call is cancelled as one whose client left.
 */
import { WorkerEntrypoint } from 'cloudflare:workers';
import { app } from './app.ts';
import { actFor } from './auth/own-caller.ts';
import { RUN_FOR } from './protocol/jobs.ts';

export class JobRunner extends WorkerEntrypoint<Env> {
  override async fetch(request: Request): Promise<Response> {
    const owner = JSON.parse(request.headers.get(RUN_FOR) ?? '{}');
    const headers = new Headers(request.headers);
    headers.delete(RUN_FOR);
    const call = new Request(request, { headers });
    actFor(call, owner);
    return app.fetch(call, this.env, this.ctx);
  }
}
