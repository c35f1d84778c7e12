import { AuthService } from '@backstage/backend-plugin-api';
import {
  CATALOG_FILTER_EXISTS,
  GetEntitiesRequest,
} from '@backstage/catalog-client';
import { stringifyEntityRef } from '@backstage/catalog-model';
import { CatalogService } from '@backstage/plugin-catalog-node';
import { ServiceRef } from '@slipway/backstage-plugin-delivery-common';

const FRESH_MS = 30_000;
const MAX_SERVICES = 200;

const REQUEST: GetEntitiesRequest = {
  filter: {
    kind: 'Component',
    'metadata.annotations.slipway.dev/definition': CATALOG_FILTER_EXISTS,
  },
  fields: ['kind', 'metadata.name', 'metadata.namespace'],
  limit: MAX_SERVICES,
};

/**
 * The services that have a delivery definition, from the catalog: each gets
 * its port before it is deployed, so that the first one deployed can already
 * be told where the others will be. Kept for half a minute, and for longer
 * while the catalog does not answer.
 */
export function createPeers(options: {
  auth: AuthService;
  catalog: CatalogService;
}): () => Promise<ServiceRef[]> {
  let known: { services: ServiceRef[]; atMs: number } | undefined;
  return async () => {
    if (known && Date.now() - known.atMs < FRESH_MS) {
      return known.services;
    }
    try {
      const { items } = await options.catalog.getEntities(REQUEST, {
        credentials: await options.auth.getOwnServiceCredentials(),
      });
      known = {
        services: items.map(entity => stringifyEntityRef(entity)),
        atMs: Date.now(),
      };
    } catch (error) {
      if (!known) {
        throw error;
      }
    }
    return known.services;
  };
}
