import { useCallback } from 'react';
import { parseEntityRef } from '@backstage/catalog-model';
import { useRouteRef } from '@backstage/core-plugin-api';
import { ServiceRef } from '@slipway/backstage-plugin-delivery-common';
import { catalogEntityRouteRef } from '../routes';

/** The path of a service's Delivery tab, where the portal has entity pages. */
export function useServicePath(): (service: ServiceRef) => string | undefined {
  const entityPath = useRouteRef(catalogEntityRouteRef);
  return useCallback(
    service => {
      const { kind, namespace, name } = parseEntityRef(service);
      return (
        entityPath &&
        `${entityPath({ kind: kind.toLowerCase(), namespace, name })}/delivery`
      );
    },
    [entityPath],
  );
}
