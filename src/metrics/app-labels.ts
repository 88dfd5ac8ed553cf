/**
 * Which applications have a label of their own in the metrics of a tenant: the first 200 that come.
 * Some more are kept for API keys that have few, so that no key takes all labels with names that it
 * makes up. All further applications are `other`.
 */

export const MAX_APPS = 200;
/** Labels beyond these, and how many of them and of the others a key may have. */
const KEPT_APPS = 50;
const KEPT_FOR_A_KEY = 5;
export const OTHER_APP = 'other';

export class AppLabels {
  readonly #labels = new Set<string>();
  readonly #ofKey = new Map<string, number>();

  /** The label of an application; `key`: the API key whose call or run it is. */
  labelOf(app: string, key: string): string {
    if (this.#labels.has(app)) return app;
    const own = this.#ofKey.get(key) ?? 0;
    const most = own < KEPT_FOR_A_KEY ? MAX_APPS + KEPT_APPS : MAX_APPS;
    if (this.#labels.size >= most) return OTHER_APP;
    this.#labels.add(app);
    this.#ofKey.set(key, own + 1);
    return app;
  }
}
