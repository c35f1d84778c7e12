/**
 * The screens with made-up answers, to work on them without a backend:
 * `yarn start` in this folder.
 */
import { Route, Routes } from 'react-router-dom';
import { Content, Page } from '@backstage/core-components';
import { createApiFactory, identityApiRef } from '@backstage/core-plugin-api';
import { createDevApp } from '@backstage/dev-utils';
import { EntityProvider } from '@backstage/plugin-catalog-react';
import { DeliveryPage, EntityDeliveryCard, deliveryPlugin } from '../src';
import { deliveryApiRef, deliveryEventsApiRef } from '../src/api';
import { DeliveryTab } from '../src/components/DeliveryTab';
import { createDeliveryEvents } from '../src/events';
import {
  FakeDeliveryApi,
  PRODUCTION,
  blockedRelease,
  canaryTarget,
  deployment,
  deploymentDetail,
  healthyTarget,
  heldTarget,
  measurements,
  overview,
  releaseDetail,
  rolledBackDeployment,
  unknownTarget,
} from '../src/testing';

const entity = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: {
    name: 'checkout',
    annotations: { 'slipway.dev/definition': 'delivery.yaml' },
  },
};

const api = new FakeDeliveryApi();
api.overview = overview({
  targets: [healthyTarget(), canaryTarget()],
});
api.environmentChecks = {
  staging: [
    {
      id: 'version',
      title: 'Kubernetes 1.28 or newer',
      status: 'ok',
      message: 'The cluster runs v1.34.1',
    },
  ],
  production: [
    {
      id: 'rights:storefront',
      title: 'Rights to deploy to namespace storefront',
      status: 'missing',
      message:
        'slipway may not create deployments.apps, which is needed to bring up, scale and remove generations',
      fix: 'kubectl apply --namespace storefront -f deliver-namespace.yaml',
    },
  ],
};
api.deployments = [
  deployment({ id: 'deployment-now' }),
  rolledBackDeployment(),
];
api.detail = deploymentDetail(rolledBackDeployment());
api.measured = measurements(true);
api.releaseDetail = releaseDetail(blockedRelease());
if (window.location.search.includes('held')) {
  api.overview = overview({
    targets: [
      healthyTarget(),
      heldTarget(),
      {
        ...unknownTarget(),
        environment: { ...PRODUCTION, name: 'edge', title: 'Edge' },
      },
    ],
  });
}

createDevApp()
  .registerPlugin(deliveryPlugin)
  .registerApi(
    createApiFactory({ api: deliveryApiRef, deps: {}, factory: () => api }),
  )
  .registerApi(
    createApiFactory({
      api: deliveryEventsApiRef,
      deps: { identity: identityApiRef },
      factory: ({ identity }) =>
        createDeliveryEvents({ delivery: api, identity }),
    }),
  )
  .addPage({
    title: 'Tab',
    path: '/tab',
    element: (
      <EntityProvider entity={entity}>
        <Page themeId="service">
          <Content>
            <Routes>
              <Route path="/*" element={<DeliveryTab />} />
            </Routes>
          </Content>
        </Page>
      </EntityProvider>
    ),
  })
  .addPage({
    title: 'Card',
    path: '/card',
    element: (
      <EntityProvider entity={entity}>
        <EntityDeliveryCard />
      </EntityProvider>
    ),
  })
  .addPage({ title: 'Delivery', path: '/delivery', element: <DeliveryPage /> })
  .render();
