import { useCallback } from 'react';
import { parseEntityRef } from '@backstage/catalog-model';
import { useRouteRef } from '@backstage/core-plugin-api';
import { entityRouteRef } from '@backstage/plugin-catalog-react';
import { ServiceRef } from '@slipway/backstage-plugin-delivery-common';

/** The path of a service's Delivery tab, from anywhere in the portal. */
export function useServicePath(): (service: ServiceRef) => string {
  const entityPath = useRouteRef(entityRouteRef);
  return useCallback(
    service => {
      const { kind, namespace, name } = parseEntityRef(service);
      return `${entityPath({
        kind: kind.toLowerCase(),
        namespace,
        name,
      })}/delivery`;
    },
    [entityPath],
  );
}
