import { LABEL_PREFIX } from '../names';

/* How a Deployment keeps what its size was reckoned from; see `basis.ts`. */

/** `<most>/<now>/<percent>`, for example `12/4/10`. */
export const SIZED_ANNOTATION = `${LABEL_PREFIX}/sized-beside`;

export interface Basis {
  /**
   * The most instances that the generation under an autoscaler has had beside
   * it, ready ones: with all the requests it would need them again.
   */
  most: number;
  /** Instances that have the other shares. */
  now: number;
  /** Its own share, where shares are the ratio of instances; else absent. */
  percent?: number;
}

export function formatBasis({ most, now, percent }: Basis): string {
  return [most, now, percent ?? ''].join('/');
}

/** Errors: none; what somebody has edited beyond reading is `undefined`. */
export function parseBasis(text: string | undefined): Basis | undefined {
  const match = /^(\d{1,6})\/(\d{1,6})\/(\d{1,3}(?:\.\d{1,20})?)?$/.exec(
    text ?? '',
  );
  return match
    ? {
        most: Number(match[1]),
        now: Number(match[2]),
        ...(match[3] && { percent: Number(match[3]) }),
      }
    : undefined;
}
