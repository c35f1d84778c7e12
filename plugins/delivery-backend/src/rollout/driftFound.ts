import {
  Drift,
  TargetRecord,
  WorkloadsState,
} from '@slipway/backstage-plugin-delivery-common';

const MOST_FOUND = 20;

/** What others have changed, as it is seen, and what a write was refused for. */
export function foundOf(
  { conflict }: Pick<TargetRecord, 'conflict'>,
  { drift = [] }: WorkloadsState,
): Drift[] {
  const all: Drift[] = [
    ...drift,
    ...(conflict && !isTold(conflict.message, drift)
      ? [
          {
            kind: 'edited' as const,
            about: 'what is to be written',
            message: conflict.message,
          },
        ]
      : []),
  ];
  return all.slice(0, MOST_FOUND);
}

/**
 * Whether a refused write is about what was seen changed anyway: it names the
 * same object and one of the same fields.
 */
function isTold(message: string, drift: Drift[]): boolean {
  return drift.some(
    ({ about, fields = [] }) =>
      message.includes(about.slice(about.indexOf('/') + 1)) &&
      fields.some(({ field }) => message.includes(field)),
  );
}

/** The same as long as it was not done once more. */
export function keyOf({ kind, about, message, by, atMs }: Drift): string {
  return JSON.stringify([kind, about, message, by, atMs]);
}

export function isSameFound(one: Drift[], other: Drift[]): boolean {
  const key = (found: Drift[]) => found.map(keyOf).sort().join('\n');
  return key(one) === key(other);
}

/** What, and who did it, in one sentence: for texts that stand alone. */
export function describeDrift(found: Drift[]): string {
  return found.map(sentenceOf).join('; ');
}

function sentenceOf({ kind, message, by }: Drift): string {
  if (!by) {
    return message;
  }
  switch (kind) {
    case 'edited':
      return `${message} by "${by}"`;
    case 'copy':
      return `${message} (made by "${by}")`;
    default:
      return `${message} (${by})`;
  }
}
