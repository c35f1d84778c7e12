import { KubeClient, KubeObject } from '../client';
import { RECORD_CONFIG_MAP_PREFIX, ROLE_LABEL, targetLabel } from '../names';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { fencedApply, revisionOf, WriteContext } from './fencedWrite';

/*
 * One small ConfigMap for each target: what cannot be read off the objects
 * themselves. It holds the fence when nothing of the target runs, and the kinds
 * of objects that were ever applied, so that pruning need not ask for all the
 * kinds that a cluster knows.
 */

interface TargetState {
  object?: KubeObject;
  /** 0: nothing was ever written. */
  revision: number;
  /** `apps/v1/StatefulSet` */
  kinds: string[];
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
  };
}

function kindsOf(object: KubeObject | undefined): string[] {
  const data = object?.data;
  const text =
    typeof data === 'object' && data !== null && 'kinds' in data
      ? data.kinds
      : '';
  return typeof text === 'string' ? text.split('\n').filter(Boolean) : [];
}

/**
 * Writes the fence down, and kinds that are about to be applied. Without new
 * kinds and with `onlyIfNew` nothing is written.
 *
 * Errors: as `fencedApply`.
 */
export async function noteTargetState(
  context: WriteContext,
  options: { kinds?: string[]; onlyIfNew?: boolean } = {},
): Promise<void> {
  const ref = refOfState(context.target, context.namespace);
  const { apiVersion, kind, name, namespace } = ref;
  await fencedApply(context, ref, existing => {
    const known = kindsOf(existing);
    const kinds = [...new Set([...known, ...(options.kinds ?? [])])].sort();
    if (options.onlyIfNew && existing && kinds.length === known.length) {
      return undefined;
    }
    return {
      apiVersion,
      kind,
      metadata: { name, namespace, labels: { [ROLE_LABEL]: 'record' } },
      data: { kinds: kinds.join('\n') },
    };
  });
}
