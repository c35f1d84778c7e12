import { useApi } from '@backstage/core-plugin-api';
import {
  ServiceOverview,
  ServiceRef,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { Resource, useResource } from '../../hooks';
import { applyToTargets } from '../../model';

/** Rates and measured shares flow; nothing tells when they change. */
export const RATES_EVERY_MS = 5_000;

/** The overview of a service, kept live; instance states are applied as they come. */
export function useOverview(service: ServiceRef): Resource<ServiceOverview> {
  const api = useApi(deliveryApiRef);
  return useResource(`overview:${service}`, () => api.getOverview(service), {
    affectedBy: event =>
      event.service === service && event.kind !== 'instances',
    refreshEveryMs: RATES_EVERY_MS,
    apply: (overview, event) => {
      const targets = applyToTargets(overview.targets, event);
      return targets && { ...overview, targets };
    },
  });
}
