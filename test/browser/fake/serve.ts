/**
 * `npm run fake:console`: the built page in front of the fake server, for work on screens without a
 * Worker. WAITING is the length of the line of the tenant `busy`.
 */
import { ADMIN, TENANT_KEY } from './api.ts';
import { FakeServer } from './server.ts';

const port = Number(process.env.PORT ?? 8_790);
const server = new FakeServer({ waiting: Number(process.env.WAITING ?? 10_000) });
const origin = await server.listen(port, 1_000);
console.log(`${origin}/console/#token=${ADMIN}\n${origin}/console/#token=${TENANT_KEY}`);
process.on('SIGINT', () => void server.close());
process.on('SIGTERM', () => void server.close());
