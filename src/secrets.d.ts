/** Bindings that wrangler.toml does not name: secrets, and what is set in development only. */
interface Env {
  /** Secret: the administrator's bearer token. Without it the admin API refuses everybody. */
  readonly ADMIN_TOKEN?: string;
  /** `development` allows endpoints on loopback; anything else does not. */
  readonly ENVIRONMENT?: string;
}
