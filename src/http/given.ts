/** The fields that are given: those that are undefined are left out. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const found: Partial<T> = {};
  for (const key in fields) if (fields[key] !== undefined) found[key] = fields[key];
  return found as { [K in keyof T]?: Exclude<T[K], undefined> };
}
