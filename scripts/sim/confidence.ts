/** The mean of a few repetitions, with its 95 % confidence interval. */

/** Two-sided 95 % quantiles of Student's t for 1, 2, ... degrees of freedom. */
const T_95 = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23];
const T_95_MANY = 1.96;

export interface MeanInterval {
  readonly mean: number;
  /** Half the width of the 95 % confidence interval; absent for a single value. */
  readonly error?: number;
}

export function meanInterval(values: readonly number[]): MeanInterval {
  const n = values.length;
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  if (n < 2) return { mean };
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1);
  return { mean, error: (T_95[n - 2] ?? T_95_MANY) * Math.sqrt(variance / n) };
}

export interface RatioInterval {
  readonly ratio: number;
  /** Half the width of the 95 % confidence interval. */
  readonly error: number;
}

/** The ratio of two sums over the same repetitions, with its interval by the delta method. */
export function ratioInterval(values: readonly number[], others: readonly number[]): RatioInterval {
  const n = values.length;
  const sum = (list: readonly number[]) => list.reduce((total, v) => total + v, 0);
  const ratio = sum(values) / sum(others);
  const squares = sum(values.map((v, i) => (v - ratio * (others[i] ?? 0)) ** 2));
  const error = (T_95_MANY * Math.sqrt((squares / Math.max(1, n - 1)) * n)) / sum(others);
  return { ratio, error };
}
