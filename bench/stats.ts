/** The value below which the fraction `q` of the samples lies; undefined without samples. */
export function quantile(samples: readonly number[], q: number): number | undefined {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

/** The middle one, or the mean of the two in the middle; undefined without samples. */
export function median(samples: readonly (number | undefined)[]): number | undefined {
  const sorted = samples.filter((one) => one !== undefined).sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
