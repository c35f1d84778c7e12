/** The nearest-rank percentile; does not touch the list. */
export function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.ceil((percent / 100) * sorted.length);
  return sorted[Math.max(0, rank - 1)];
}

/** The middle, or what lies between the two in the middle. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.floor(half)] + sorted[Math.ceil(half) - 1]) / 2;
}

/** Rows of results against a budget, for people. */
export function showTable(results) {
  console.table(
    results.map(result => ({
      what: result.what,
      'p50 ms': Number(result.p50Ms.toFixed(2)),
      'p95 ms': Number(result.p95Ms.toFixed(2)),
      'max ms': Number(result.maxMs.toFixed(2)),
      'budget ms': result.budgetMs,
      'p95 / budget': Number(result.ratio.toFixed(3)),
    })),
  );
}
