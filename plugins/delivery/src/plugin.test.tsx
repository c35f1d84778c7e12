import { Suspense } from 'react';
import { Route, Routes } from 'react-router-dom';
import { screen } from '@testing-library/react';
import { configApiRef } from '@backstage/core-plugin-api';
import { EntityProvider } from '@backstage/plugin-catalog-react';
import {
  TestApiProvider,
  mockApis,
  renderInTestApp,
} from '@backstage/test-utils';
import {
  DeliveryPage,
  EntityDeliveryCard,
  EntityDeliveryTab,
  catalogEntityRouteRef,
  deliveryApiRef,
  deliveryEventsApiRef,
  deliveryPlugin,
  entityDeliveryRouteRef,
  isDeliveryAvailable,
  rootRouteRef,
} from '.';
import { createDeliveryEvents } from './events';
import { ENTITY } from './__testUtils__';
import { FakeDeliveryApi } from './testing';

jest.setTimeout(60_000);

/** As an app of the legacy frontend system mounts it. */
async function renderApp(path: string) {
  const api = new FakeDeliveryApi();
  await renderInTestApp(
    <TestApiProvider
      apis={[
        [deliveryApiRef, api],
        [
          deliveryEventsApiRef,
          createDeliveryEvents({
            delivery: api,
            identity: mockApis.identity(),
          }),
        ],
        [configApiRef, mockApis.config()],
      ]}
    >
      <EntityProvider entity={ENTITY}>
        <Suspense fallback={null}>
          <Routes>
            <Route path="/delivery/*" element={<DeliveryPage />} />
            <Route path="/entity/delivery/*" element={<EntityDeliveryTab />} />
            <Route path="/card" element={<EntityDeliveryCard />} />
          </Routes>
        </Suspense>
      </EntityProvider>
    </TestApiProvider>,
    {
      routeEntries: [path],
      mountedRoutes: {
        '/catalog/:namespace/:kind/:name': catalogEntityRouteRef,
        '/delivery': rootRouteRef,
        '/entity/delivery': entityDeliveryRouteRef,
      },
    },
  );
}

describe('the legacy frontend system', () => {
  it('has apis for the client and the events', () => {
    expect([...deliveryPlugin.getApis()].map(it => it.api.id)).toEqual([
      'plugin.delivery.client',
      'plugin.delivery.events',
    ]);
  });

  it('shows the Delivery page', async () => {
    await renderApp('/delivery');
    expect(
      await screen.findByRole('heading', { name: 'Estate' }),
    ).toBeInTheDocument();
  });

  it('shows the environments at an address below the page', async () => {
    await renderApp('/delivery/environments');
    expect(
      await screen.findByRole('region', { name: 'Production' }),
    ).toBeInTheDocument();
    expect(screen.getByRole('tab', { name: 'Services' })).toHaveAttribute(
      'href',
      '/delivery',
    );
  });

  it('shows the Delivery tab, with its links below where it is mounted', async () => {
    await renderApp('/entity/delivery');
    expect(
      await screen.findByRole('region', { name: 'Production' }),
    ).toBeInTheDocument();
    expect(screen.getByRole('tab', { name: 'Findings' })).toHaveAttribute(
      'href',
      '/entity/delivery/findings',
    );
  });

  it('shows the card, which leads to the tab', async () => {
    await renderApp('/card');
    const link = await screen.findByRole('link', { name: /Open delivery/ });
    expect(link).toHaveAttribute(
      'href',
      '/catalog/default/component/checkout/delivery',
    );
    expect(await screen.findByText(/v1.7.2 · 77aa01f/)).toBeInTheDocument();
    expect(screen.getByText(/v1.8.0: Progressing/)).toBeInTheDocument();
  });

  it('is for components that name a delivery definition', () => {
    expect(isDeliveryAvailable(ENTITY)).toBe(true);
    expect(
      isDeliveryAvailable({ ...ENTITY, metadata: { name: 'other' } }),
    ).toBe(false);
  });
});
