/**
 * Smooth weighted round robin: each choice adds every candidate's weight to
 * its credit, takes the one with the most credit and charges it the sum of
 * all weights. Over any stretch the choices follow the weights, and they are
 * spread evenly: 10 % is every tenth request, not ten in a row.
 *
 * Source: the balancing method of nginx's `ngx_http_upstream_round_robin`.
 */
export class WeightedChoice {
  private readonly credits = new Map<string, number>();

  /** `undefined` when no candidate has a weight. */
  next(weights: ReadonlyMap<string, number>): string | undefined {
    let total = 0;
    let best: string | undefined;
    let bestCredit = -Infinity;
    for (const [name, weight] of weights) {
      if (weight > 0) {
        total += weight;
        const credit = (this.credits.get(name) ?? 0) + weight;
        this.credits.set(name, credit);
        if (credit > bestCredit) {
          bestCredit = credit;
          best = name;
        }
      }
    }
    if (best !== undefined) {
      this.credits.set(best, bestCredit - total);
    }
    return best;
  }

  /** New weights start with a clean slate: old credit would skew the first. */
  reset(): void {
    this.credits.clear();
  }
}
