import { Route, Routes } from 'react-router-dom';
import { useEntity } from '@backstage/plugin-catalog-react';
import { serviceRefOf } from '../../annotation';
import { DeploymentView } from '../DeploymentView';
import { ReleaseView } from '../ReleaseView';
import { ServiceDelivery } from './ServiceDelivery';
import { MountedTabPaths } from './TabPaths';

/** The Delivery tab of an entity, with the deployment and release views below it. */
export function DeliveryTab() {
  const { entity } = useEntity();
  const service = serviceRefOf(entity);
  return (
    <MountedTabPaths>
      <Routes>
        <Route
          path="/deployments/:deploymentId"
          element={<DeploymentView service={service} />}
        />
        <Route
          path="/releases/:releaseId"
          element={<ReleaseView service={service} />}
        />
        <Route path="/:tab" element={<ServiceDelivery service={service} />} />
        <Route path="*" element={<ServiceDelivery service={service} />} />
      </Routes>
    </MountedTabPaths>
  );
}
