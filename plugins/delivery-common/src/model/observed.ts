/**
 * What was seen of the world, or the honest statement that it is unknown.
 *
 * `observedAtMs` is when it was read (epoch milliseconds). `reflects` is the
 * revision of the newest write of ours that the observation includes: nothing
 * may be concluded about a write that it does not reflect yet.
 *
 * @public
 */
export type Observed<T> =
  | { known: T; observedAtMs: number; reflects: number }
  | { unknown: string; sinceMs: number };

/** @public */
export function isKnown<T>(
  observed: Observed<T>,
): observed is { known: T; observedAtMs: number; reflects: number } {
  return 'known' in observed;
}
