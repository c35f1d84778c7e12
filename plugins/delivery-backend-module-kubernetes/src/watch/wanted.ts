import { TargetSurroundings } from '@slipway/backstage-plugin-delivery-common';
import {
  GENERATION_LABEL,
  REPLICAS_ANNOTATION,
  SCALED_ANNOTATION,
} from '../names';
import { parseScale } from '../workloads';
import { TargetObjects } from './targetObjects';

/**
 * Where another number of instances runs than the engine counts in: an
 * autoscaler has it, or a person scaled it through us. What others gave it
 * behind our back is none of that: it is not what is wanted.
 */
export function wantedOf({
  deployments,
}: Pick<TargetObjects, 'deployments'>): Pick<TargetSurroundings, 'wanted'> {
  const wanted = Object.fromEntries(
    deployments.flatMap(({ metadata, spec }) => {
      const generation = metadata.labels?.[GENERATION_LABEL];
      const scale = parseScale(metadata.annotations?.[REPLICAS_ANNOTATION]);
      const replicas = spec?.replicas;
      const isGiven =
        replicas === scale?.given ||
        metadata.annotations?.[SCALED_ANNOTATION] !== undefined;
      return generation &&
        replicas !== undefined &&
        scale &&
        isGiven &&
        replicas !== scale.asked
        ? [[generation, replicas] as const]
        : [];
    }),
  );
  return Object.keys(wanted).length > 0 ? { wanted } : {};
}
