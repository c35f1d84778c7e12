import { parseEntityRef } from '@backstage/catalog-model';
import { ServiceRef } from '@slipway/backstage-plugin-delivery-common';

/** A service's name, with its namespace where that is not the default one. */
export function ServiceName(props: { service: ServiceRef }) {
  const { namespace, name } = parseEntityRef(props.service);
  return <>{namespace === 'default' ? name : `${namespace}/${name}`}</>;
}
