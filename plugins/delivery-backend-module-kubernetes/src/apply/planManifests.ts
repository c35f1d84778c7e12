import { ClusterAccess } from '../clusterAccess';
import { KubeObject } from '../client';
import {
  CONFIG_ANNOTATION,
  PLAN_ANNOTATION,
  RELEASE_ANNOTATION,
  ROLE_LABEL,
} from '../names';
import { Plan } from '@slipway/backstage-plugin-delivery-node';
import { KubePlan, mapping } from '../plan';
import { planPart } from '../traffic';

/** A Plan's objects beside its workload, as they are applied. */
export interface PlanManifests {
  /** Named by their content. */
  configMaps: KubeObject[];
  needed: KubeObject[];
  shared: KubeObject[];
  /** Without what traffic writes. */
  services: KubeObject[];
  routes: KubeObject[];
  /** Not applied with the others. */
  jobs: KubeObject[];
  /** For one Deployment. */
  scalersFor(deployment: string): KubeObject[];
}

/** Puts namespace, role and origin on the objects of a Plan. */
export async function planManifests(
  { client }: ClusterAccess,
  kubePlan: KubePlan,
  plan: Pick<Plan, 'id' | 'releaseId'>,
  namespace: string,
  signal: AbortSignal,
): Promise<PlanManifests> {
  const place = async (
    object: KubeObject,
    role: string,
  ): Promise<KubeObject> => {
    const { apiVersion, kind, metadata } = object;
    const served = await client.resource(apiVersion, kind, signal);
    const { namespace: named, ...rest } = metadata;
    return {
      ...object,
      metadata: {
        ...rest,
        ...(served?.namespaced !== false && { namespace: named ?? namespace }),
        labels: { [ROLE_LABEL]: role, ...metadata.labels },
        annotations: {
          ...metadata.annotations,
          ...(role !== 'config' && {
            [PLAN_ANNOTATION]: plan.id,
            [RELEASE_ANNOTATION]: plan.releaseId,
          }),
        },
      },
    };
  };
  const all = (objects: KubeObject[], role: string) =>
    Promise.all(objects.map(object => place(object, role)));
  const scalers = await Promise.all(
    kubePlan.scalers.map(async ({ object, field }) => ({
      field,
      object: await place(object, 'shared'),
    })),
  );
  return {
    configMaps: (await all(kubePlan.configMaps, 'config')).map(object => ({
      ...object,
      metadata: {
        ...object.metadata,
        annotations: {
          ...object.metadata.annotations,
          [CONFIG_ANNOTATION]:
            kubePlan.configNames.get(object.metadata.name) ?? '',
        },
      },
    })),
    needed: await all(kubePlan.needed, 'shared'),
    shared: await all(kubePlan.shared, 'shared'),
    services: await all(
      kubePlan.traffic.services.map(object => planPart(object)),
      'main-service',
    ),
    routes: await all(
      kubePlan.traffic.routes.map(object => planPart(object)),
      'route',
    ),
    jobs: await all(kubePlan.jobs, 'job'),
    scalersFor: deployment =>
      scalers.map(({ object, field }) => {
        const spec = mapping(object.spec);
        return {
          ...object,
          spec: {
            ...spec,
            [field]: { ...mapping(spec[field]), name: deployment },
          },
        };
      }),
  };
}
