import { mapping } from '../plan';
import { KubeClient, KubeObject } from '../client';
import { RECORD_CONFIG_MAP_PREFIX, ROLE_LABEL, targetLabel } from '../names';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { revisionOf, WriteContext } from './fence';
import { fencedApply } from './fencedApply';

/*
 * One small ConfigMap for each target: what cannot be read off the objects
 * themselves. It holds the fence when nothing of the target runs, and the kinds
 * of objects that were ever applied, so that pruning need not ask for all the
 * kinds that a cluster knows, and whether its traffic was ever bound.
 */

interface TargetState {
  object?: KubeObject;
  /** 0: nothing was ever written. */
  revision: number;
  /** `apps/v1/StatefulSet` */
  kinds: string[];
  /** Main Services and routes were made, and bound to what runs, once. */
  bound: boolean;
}

function refOfState(target: TargetRef, namespace: string) {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: `${RECORD_CONFIG_MAP_PREFIX}${targetLabel(target)}`,
    namespace,
  };
}

export async function readTargetState(
  client: KubeClient,
  target: TargetRef,
  namespace: string,
  signal: AbortSignal,
): Promise<TargetState> {
  const object = await client.get(refOfState(target, namespace), signal);
  return {
    object,
    revision: object ? revisionOf(object) : 0,
    kinds: kindsOf(object),
    bound: dataOf(object).bound === 'true',
  };
}

function dataOf(object: KubeObject | undefined): Record<string, unknown> {
  return mapping(object?.data);
}

function kindsOf(object: KubeObject | undefined): string[] {
  const text = dataOf(object).kinds;
  return typeof text === 'string' ? text.split('\n').filter(Boolean) : [];
}

/**
 * Writes the fence down, and what is given. With `onlyIfNew` nothing is written
 * where that is known already.
 *
 * Errors: as `fencedApply`.
 */
export async function noteTargetState(
  context: WriteContext,
  options: { kinds?: string[]; bound?: boolean; onlyIfNew?: boolean } = {},
): Promise<void> {
  const ref = refOfState(context.target, context.namespace);
  const { apiVersion, kind, name, namespace } = ref;
  await fencedApply(context, ref, existing => {
    const known = kindsOf(existing);
    const kinds = [...new Set([...known, ...(options.kinds ?? [])])].sort();
    const before = dataOf(existing).bound === 'true';
    const bound = options.bound ?? before;
    const isKnown = kinds.length === known.length && bound === before;
    if (options.onlyIfNew && existing && isKnown) {
      return undefined;
    }
    return {
      apiVersion,
      kind,
      metadata: { name, namespace, labels: { [ROLE_LABEL]: 'record' } },
      data: { kinds: kinds.join('\n'), bound: String(bound) },
    };
  });
}
