/** What is known of a client: how it is installed, configured and run without a person. */

/** The address, key and model that the files of homes/ and programs/ have, as `npm start` has them. */
export const DEMO_URL = 'http://127.0.0.1:8787';
export const DEMO_KEY = 'talaria-demo-key';
export const DEMO_MODEL = 'demo-llm';

export interface Client {
  readonly name: string;
  /** npm packages with their exact versions; the first is the client. */
  readonly packages: readonly string[];
  /** A script of the first package that places its program; others are installed without scripts. */
  readonly placedBy?: string;
  /** The command in node_modules/.bin; absent: the file programs/NAME.mjs is run with Node. */
  readonly command?: string;
  args(prompt: string, key: string): readonly string[];
  /** Environment, besides TALARIA_API_KEY and what all clients get. */
  env?(url: string, key: string): Readonly<Record<string, string>>;
  /** Arguments that end what the client leaves running in the background. */
  readonly stop?: readonly string[];
  /** The words by which the scripted model is told to start a sub-agent. */
  readonly subAgent?: string;
}

/** The client's own version: what stands behind the last `@` of its package. */
export function versionOf(client: Client): string {
  const [spec = ''] = client.packages;
  return spec.slice(spec.lastIndexOf('@') + 1);
}

export function packageName(spec: string): string {
  return spec.slice(0, spec.lastIndexOf('@'));
}
