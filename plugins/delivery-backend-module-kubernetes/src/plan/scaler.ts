import { KubeObject } from '../client';
import { mapping } from './podSpecs';

/** What scales the workload, or would. */
export interface Scaler {
  object: KubeObject;
  /** Under `spec`: what names the workload. */
  field: 'scaleTargetRef' | 'targetRef';
  /** `spec.replicas` of the workload is its own. */
  scalesReplicas: boolean;
  min?: number;
  max?: number;
}

/** Whether an object scales the workload of this name, and how. */
export function scalerOf(
  object: KubeObject,
  workload: string,
): Scaler | undefined {
  const spec = mapping(object.spec);
  const named = (field: Scaler['field']) => {
    const reference = mapping(spec[field]);
    return (
      reference.name === workload &&
      (reference.kind ?? 'Deployment') === 'Deployment'
    );
  };
  const number = (value: unknown) =>
    typeof value === 'number' ? value : undefined;
  if (object.kind === 'HorizontalPodAutoscaler' && named('scaleTargetRef')) {
    return {
      object,
      field: 'scaleTargetRef',
      scalesReplicas: true,
      min: number(spec.minReplicas),
      max: number(spec.maxReplicas),
    };
  }
  if (object.kind === 'ScaledObject' && named('scaleTargetRef')) {
    return {
      object,
      field: 'scaleTargetRef',
      scalesReplicas: true,
      min: number(spec.minReplicaCount),
      max: number(spec.maxReplicaCount),
    };
  }
  if (object.kind === 'VerticalPodAutoscaler' && named('targetRef')) {
    return { object, field: 'targetRef', scalesReplicas: false };
  }
  return undefined;
}
