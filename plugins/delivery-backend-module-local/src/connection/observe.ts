import { NotFoundError } from '@backstage/errors';
import {
  Observed,
  TargetRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { TargetSnapshot } from '../locald';
import { LocaldClient } from './client';

/** The path of a target, and of what belongs to it, at slipway-locald. */
export function targetPath(target: TargetRef, ...rest: string[]): string[] {
  return ['targets', stringifyTarget(target), ...rest];
}

/** What slipway-locald knows of the target, or why that is not known. */
export async function observe<T>(
  client: LocaldClient,
  target: TargetRef,
  signal: AbortSignal,
  pick: (snapshot: TargetSnapshot) => T,
  empty: T,
): Promise<Observed<T>> {
  try {
    const snapshot = await client.call<TargetSnapshot>({
      method: 'GET',
      path: targetPath(target),
      signal,
    });
    return {
      known: pick(snapshot),
      observedAtMs: Date.now(),
      reflects: snapshot.revision,
    };
  } catch (error) {
    if (error instanceof NotFoundError) {
      return { known: empty, observedAtMs: Date.now(), reflects: 0 };
    }
    return {
      unknown: error instanceof Error ? error.message : String(error),
      sinceMs: Date.now(),
    };
  }
}
