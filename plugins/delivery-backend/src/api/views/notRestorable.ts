import { PlanReference } from '@slipway/backstage-plugin-delivery-node';

/**
 * A sentence for each thing that applying a Plan again would not bring back,
 * because the Plan only refers to it.
 */
export function notRestorable(references: readonly PlanReference[]): string[] {
  return references
    .filter(reference => !reference.restorable)
    .map(({ kind, name, version, detail }) => {
      const about = detail ? ` (${detail})` : '';
      const then = version ? `, which had version ${version} then` : '';
      return `${kind} "${name}"${about}${then}: what it holds when the instances start is used, not what it held before`;
    });
}
