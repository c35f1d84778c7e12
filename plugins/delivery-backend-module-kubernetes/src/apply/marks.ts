import { stringifyTarget } from '@slipway/backstage-plugin-delivery-common';
import { KubeObject } from '../client';
import {
  ADOPTED_ANNOTATION,
  EPOCH_ANNOTATION,
  REVISION_ANNOTATION,
  TARGET_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
} from '../names';
import { WriteContext } from './fence';

/** Puts our marks on what is about to be written. */
export function marked(
  context: WriteContext,
  object: KubeObject,
  existing: KubeObject | undefined,
): KubeObject {
  const { target, fence } = context;
  const wasThere =
    existing !== undefined &&
    (existing.metadata.labels?.[TARGET_LABEL] === undefined ||
      existing.metadata.annotations?.[ADOPTED_ANNOTATION] !== undefined);
  return {
    ...object,
    metadata: {
      ...object.metadata,
      labels: {
        ...object.metadata.labels,
        [TARGET_LABEL]: targetLabel(target),
      },
      annotations: {
        ...object.metadata.annotations,
        [TARGET_ANNOTATION]: stringifyTarget(target),
        [EPOCH_ANNOTATION]: String(fence.epoch),
        [REVISION_ANNOTATION]: String(fence.revision),
        ...(wasThere && { [ADOPTED_ANNOTATION]: 'true' }),
      },
    },
  };
}
