import { screen } from '@testing-library/react';
import { Entity } from '@backstage/catalog-model';
import { renderTestApp } from '@backstage/frontend-test-utils';
import { createTestEntityPage } from '@backstage/plugin-catalog-react/testUtils';
import { mockApis } from '@backstage/test-utils';
import deliveryPlugin from './alpha';
import { deliveryApiRef, deliveryEventsApiRef } from './api';
import { createDeliveryEvents } from './events';
import { ENTITY } from './__testUtils__';
import { FakeDeliveryApi } from './testing';

jest.setTimeout(60_000);

function renderApp(options: { entity?: Entity; path?: string }) {
  const api = new FakeDeliveryApi();
  const { entity, path = '/' } = options;
  return renderTestApp({
    features: [deliveryPlugin],
    extensions: entity ? [createTestEntityPage({ entity })] : [],
    initialRouteEntries: [path],
    apis: [
      [deliveryApiRef, api],
      [
        deliveryEventsApiRef,
        createDeliveryEvents({ delivery: api, identity: mockApis.identity() }),
      ],
    ],
  });
}

describe('the new frontend system', () => {
  it('has a Delivery page at /delivery', async () => {
    renderApp({ path: '/delivery' });
    expect(
      await screen.findByRole('heading', { name: 'Estate' }),
    ).toBeInTheDocument();
    // Its place in the navigation.
    expect(
      screen.getAllByRole('link', { name: 'Delivery' })[0],
    ).toHaveAttribute('href', '/delivery');
  });

  it('has the environments at /delivery/environments', async () => {
    renderApp({ path: '/delivery/environments' });
    expect(
      await screen.findByRole('region', { name: 'Production' }),
    ).toBeInTheDocument();
    expect(screen.getByRole('tab', { name: 'Services' })).toHaveAttribute(
      'href',
      '/delivery',
    );
  });

  it('has a tab and a card on components that name a delivery definition', async () => {
    renderApp({ entity: ENTITY });
    expect(
      await screen.findByRole('region', { name: 'Production' }),
    ).toBeInTheDocument();
    expect(await screen.findByText('v1.8.0: Progressing')).toBeInTheDocument();
  });

  it('has neither on other entities', async () => {
    renderApp({ entity: { ...ENTITY, metadata: { name: 'other' } } });
    expect(screen.queryByText('v1.8.0: Progressing')).not.toBeInTheDocument();
    expect(screen.queryByRole('tab')).not.toBeInTheDocument();
  });
});
