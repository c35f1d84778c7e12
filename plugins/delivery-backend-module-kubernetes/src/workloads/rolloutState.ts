import { DelegatedState } from '@slipway/backstage-plugin-delivery-common';
import { ownersOf } from '../apply';
import {
  causeOfGeneration,
  condition,
  HealthContext,
  Pod,
  PodOwner,
} from '../health';
import {
  FIELD_MANAGER,
  GENERATION_LABEL,
  IMAGES_ANNOTATION,
  RUN_ANNOTATION,
} from '../names';

/**
 * How the rollout goes that was asked for last, from the Deployment in place.
 * Pure. What the Deployment controller has not seen yet (`observedGeneration`)
 * tells nothing about this rollout.
 */
export function readRollout(
  deployment: PodOwner,
  pods: Pod[],
  context: HealthContext,
): DelegatedState {
  const { metadata, spec, status } = deployment;
  const key = metadata.annotations?.[RUN_ANNOTATION] ?? '';
  const tell = (phase: DelegatedState['phase'], message: string) => {
    const cause =
      phase === 'running' || phase === 'failed'
        ? causeOfGeneration({ deployment, pods }, context)
        : undefined;
    return { key, phase, message, ...(cause && { cause }) };
  };
  const changed = changedByOthers(deployment);
  if (changed) {
    return tell('foreign', changed);
  }
  if (spec?.paused) {
    const [holder] = ownersOf(metadata.managedFields, ['spec', 'paused']);
    return tell(
      'paused',
      holder && holder.manager !== FIELD_MANAGER
        ? `"${holder.manager}" has paused the Deployment ${metadata.name}`
        : `The Deployment ${metadata.name} is paused`,
    );
  }
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) {
    return tell('running', 'Kubernetes has not seen the change yet');
  }
  const wanted = spec?.replicas ?? 1;
  const {
    replicas = 0,
    updatedReplicas = 0,
    availableReplicas = 0,
  } = status ?? {};
  const old = replicas - updatedReplicas;
  const numbers = `${updatedReplicas} of ${wanted} are new, ${availableReplicas} available, ${old} old left`;
  if (updatedReplicas >= wanted && old <= 0 && availableReplicas >= wanted) {
    return tell('succeeded', numbers);
  }
  const progressing = condition(deployment, 'Progressing');
  if (progressing?.reason === 'ProgressDeadlineExceeded') {
    return tell(
      'failed',
      `Kubernetes gave up (${progressing.reason}): ${numbers}`,
    );
  }
  return tell('running', numbers);
}

/** What somebody else has asked the Deployment for since; `undefined`: nothing. */
function changedByOthers({ metadata, spec }: PodOwner): string | undefined {
  const { name } = metadata;
  if (metadata.deletionTimestamp) {
    return `The Deployment ${name} is being deleted`;
  }
  const wanted = metadata.labels?.[GENERATION_LABEL];
  const template = spec?.template;
  const actual = template?.metadata?.labels?.[GENERATION_LABEL];
  if (actual !== wanted) {
    return `${whoChanged(metadata.managedFields)} has brought generation ${
      actual ?? 'none of ours'
    } back in Deployment ${name}, where ${wanted} was asked for (kubectl rollout undo does that)`;
  }
  const images = Object.entries(
    readJson(template?.metadata?.annotations?.[IMAGES_ANNOTATION]),
  );
  for (const [container, entry] of images) {
    const expected: unknown = Array.isArray(entry) ? entry[1] : undefined;
    const found = [
      ...(template?.spec?.containers ?? []),
      ...(template?.spec?.initContainers ?? []),
    ].find(candidate => candidate.name === container)?.image;
    if (typeof expected === 'string' && found !== expected) {
      return `${whoChanged(
        metadata.managedFields,
      )} has set the image of container "${container}" in Deployment ${name} to ${
        found ?? 'nothing'
      }`;
    }
  }
  const ours = Math.max(
    0,
    ...(metadata.managedFields ?? [])
      .filter(
        ({ manager, operation, subresource }) =>
          manager === FIELD_MANAGER && operation === 'Apply' && !subresource,
      )
      .map(({ time }) => Date.parse(time ?? '') || 0),
  );
  const later = othersOf(metadata.managedFields).find(
    ({ atMs }) => atMs > ours,
  );
  return later
    ? `"${
        later.manager
      }" has changed what Deployment ${name} runs, at ${new Date(
        later.atMs,
      ).toISOString()}`
    : undefined;
}

function othersOf(entries: PodOwner['metadata']['managedFields']) {
  return ownersOf(
    entries?.filter(({ subresource }) => !subresource),
    ['spec', 'template', 'spec'],
  ).filter(({ manager }) => manager !== FIELD_MANAGER);
}

function whoChanged(entries: PodOwner['metadata']['managedFields']): string {
  const [other] = othersOf(entries);
  return other ? `"${other.manager}"` : 'Somebody';
}

function readJson(text: string | undefined): Record<string, unknown> {
  try {
    const content: unknown = JSON.parse(text ?? '{}');
    return typeof content === 'object' && content !== null
      ? Object.fromEntries(Object.entries(content))
      : {};
  } catch (error) {
    if (error instanceof SyntaxError) {
      // Edited beyond reading; the other signs still tell.
      return {};
    }
    throw error;
  }
}
