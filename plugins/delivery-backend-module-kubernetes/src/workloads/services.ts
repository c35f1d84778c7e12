import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { fencedApply, fencedDelete, WriteContext } from '../apply';
import { refOf } from '../client';
import {
  GENERATION_LABEL,
  ROLE_LABEL,
  TARGET_LABEL,
  targetLabel,
} from '../names';
import { KubePlan } from '../plan';
import { generationService } from '../traffic';

/** A Service of the generation's own beside every main Service; what is there stays. */
export async function ensureServices(
  context: WriteContext,
  { traffic }: KubePlan,
  generation: string,
): Promise<void> {
  const { client, target, namespace, signal } = context;
  if (traffic.services.length === 0) {
    return;
  }
  const { items } = await client.list(
    { apiVersion: 'v1', kind: 'Service' },
    { namespace, labelSelector: selectorOf(target, generation) },
    signal,
  );
  const there = new Set(
    items
      .filter(({ metadata }) => !metadata.deletionTimestamp)
      .map(({ metadata }) => metadata.name),
  );
  for (const main of traffic.services) {
    const service = generationService(
      { ...main, metadata: { ...main.metadata, namespace } },
      target,
      generation,
    );
    if (!there.has(service.metadata.name)) {
      await fencedApply(context, refOf(service), () => service, {
        ownName: true,
      });
    }
  }
}

function selectorOf(target: TargetRef, generation: string): string {
  return `${TARGET_LABEL}=${targetLabel(
    target,
  )},${GENERATION_LABEL}=${generation}`;
}

/** Takes them away again. */
export async function removeServices(
  context: WriteContext,
  generation: string,
): Promise<void> {
  const { client, target, namespace, signal } = context;
  const { items } = await client.list(
    { apiVersion: 'v1', kind: 'Service' },
    { namespace, labelSelector: selectorOf(target, generation) },
    signal,
  );
  for (const existing of items) {
    if (existing.metadata.labels?.[ROLE_LABEL] === 'generation-service') {
      await fencedDelete(context, refOf(existing), { existing });
    }
  }
}
