import { ReactNode } from 'react';
import { Link } from '@backstage/core-components';
import { ServiceRef } from '@slipway/backstage-plugin-delivery-common';
import { useServicePath } from '../../hooks';

/** Leads into a service's Delivery tab; plain text in a portal without entity pages. */
export function ServiceLink(props: {
  service: ServiceRef;
  deploymentId?: string;
  releaseId?: string;
  children: ReactNode;
}) {
  const { service, deploymentId, releaseId } = props;
  const base = useServicePath()(service);
  if (base === undefined) {
    return <>{props.children}</>;
  }
  let to = base;
  if (deploymentId) {
    to = `${base}/deployments/${encodeURIComponent(deploymentId)}`;
  } else if (releaseId) {
    to = `${base}/releases/${encodeURIComponent(releaseId)}`;
  }
  return <Link to={to}>{props.children}</Link>;
}
