/**
 * The Worker entrypoint that makes the calls of jobs: the jobs object asks it, and the call goes
 * through the app like every other, in a Worker's context of its own. No route from outside leads
 * here. When the object drops the request, the call is cancelled like one whose client left.
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
