import { ReactNode } from 'react';
import { Entity } from '@backstage/catalog-model';
import { configApiRef } from '@backstage/core-plugin-api';
import { EntityProvider } from '@backstage/plugin-catalog-react';
import {
  TestApiProvider,
  mockApis,
  renderInTestApp,
} from '@backstage/test-utils';
import axe from 'axe-core';
import { Route, Routes } from 'react-router-dom';
import { deliveryApiRef, deliveryEventsApiRef } from '../api';
import { createDeliveryEvents } from '../events';
import { catalogEntityRouteRef } from '../routes';
import { FakeDeliveryApi } from '../testing';

export const ENTITY: Entity = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: {
    name: 'checkout',
    annotations: { 'slipway.dev/definition': 'delivery.yaml' },
  },
  spec: { type: 'service', lifecycle: 'production', owner: 'group:shop' },
};

/** Renders in the legacy frontend system as an entity's tab at `/delivery`, below `path`. */
export async function renderForEntity(
  element: ReactNode,
  api: FakeDeliveryApi,
  path = '',
) {
  return renderInTestApp(
    <TestApiProvider
      apis={[
        [deliveryApiRef, api],
        [
          deliveryEventsApiRef,
          createDeliveryEvents({
            delivery: api,
            identity: mockApis.identity({
              userEntityRef: 'user:default/ada',
            }),
          }),
        ],
        [configApiRef, mockApis.config()],
      ]}
    >
      <EntityProvider entity={ENTITY}>
        <Routes>
          <Route path="/delivery/*" element={element} />
        </Routes>
      </EntityProvider>
    </TestApiProvider>,
    {
      routeEntries: [`/delivery${path}`],
      mountedRoutes: {
        '/catalog/:namespace/:kind/:name': catalogEntityRouteRef,
      },
    },
  );
}

/** What an accessibility checker finds wrong, in words; empty when nothing. */
export async function accessibilityProblems(
  container: Element = document.body,
): Promise<string[]> {
  const { violations } = await axe.run(container, {
    rules: {
      // The portal's frame, not ours.
      region: { enabled: false },
      'page-has-heading-one': { enabled: false },
      // There is no layout in jsdom.
      'color-contrast': { enabled: false },
    },
  });
  return violations.flatMap(violation =>
    violation.nodes.map(
      node => `${violation.id}: ${violation.help} at ${node.html}`,
    ),
  );
}
