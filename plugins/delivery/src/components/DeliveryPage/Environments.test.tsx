import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { ConnectionCheck } from '@slipway/backstage-plugin-delivery-common';
import { accessibilityProblems, renderForEntity } from '../../__testUtils__';
import {
  FakeDeliveryApi,
  PRODUCTION,
  STAGING,
  canaryTarget,
  healthyTarget,
  heldTarget,
  overview,
} from '../../testing';
import { DeliveryPage } from './DeliveryPage';

jest.setTimeout(60_000);

const VERSION: ConnectionCheck = {
  id: 'version',
  title: 'Kubernetes 1.28 or newer',
  status: 'ok',
  message: 'The cluster runs v1.34.1',
};
const RIGHTS: ConnectionCheck = {
  id: 'rights:shop',
  title: 'Rights to deploy to namespace shop',
  status: 'missing',
  message: 'slipway may not create deployments.apps',
  fix: 'kubectl apply -f rights.yaml',
};

/** As the client throws what the backend answers. */
function refused(statusCode: number, name: string, message: string) {
  return Object.assign(new Error(`Request failed with ${statusCode}`), {
    statusCode,
    cause: Object.assign(new Error(message), { name }),
  });
}

function platform() {
  const api = new FakeDeliveryApi();
  api.environments = [
    STAGING,
    { ...PRODUCTION, connection: { type: 'kubernetes', name: 'eu' } },
    {
      ...PRODUCTION,
      name: 'edge',
      title: 'Edge',
      connection: { type: 'kubernetes', name: 'us' },
      notices: ['Not connected: no route to the cluster'],
    },
  ];
  api.environmentChecks = {
    staging: [VERSION],
    production: [
      VERSION,
      { ...VERSION, id: 'kind', title: 'HTTPRoute', status: 'limited' },
      { ...VERSION, id: 'rights:b', title: 'Rights in b', status: 'unknown' },
      RIGHTS,
    ],
    edge: refused(500, 'Error', 'The check did not answer within 60000 ms'),
  };
  return api;
}

const region = (name: string) => screen.findByRole('region', { name });

describe('The environments on the Delivery page', () => {
  it('stand in promotion order with where they are, and cost nothing until somebody checks', async () => {
    const api = platform();
    await renderForEntity(<DeliveryPage />, api, '/environments');
    const list = await screen.findByRole('list', {
      name: 'Environments in promotion order',
    });
    expect(
      within(list)
        .getAllByRole('heading')
        .map(it => it.textContent),
    ).toEqual(['Staging', 'Production', 'Edge']);
    const edge = await region('Edge');
    expect(edge).toHaveTextContent('kubernetes / us');
    expect(edge).toHaveTextContent('Not connected: no route to the cluster');
    expect(edge).toHaveTextContent('none that you may see');
    expect(api.calls).not.toContain('getEnvironmentChecks');
    expect(await accessibilityProblems()).toEqual([]);
  });

  it('are a tab with an address of its own beside the services', async () => {
    await renderForEntity(<DeliveryPage />, platform());
    expect(
      await screen.findByRole('heading', { name: 'Estate' }),
    ).toBeInTheDocument();
    const tab = screen.getByRole('tab', { name: 'Environments' });
    expect(tab).toHaveAttribute('href', '/delivery/environments');
    await userEvent.click(tab);
    expect(await region('Production')).toBeInTheDocument();
    await userEvent.click(screen.getByRole('tab', { name: 'Services' }));
    expect(
      await screen.findByRole('heading', { name: 'Estate' }),
    ).toBeInTheDocument();
  });

  it('say what is missing first and how to give it; what is as it should be is folded away', async () => {
    const api = platform();
    await renderForEntity(<DeliveryPage />, api, '/environments');
    const production = await region('Production');
    await userEvent.click(
      within(production).getByRole('button', { name: 'Check: Production' }),
    );
    expect(
      await within(production).findByText(
        '1 missing, 1 not known, 1 without which less works, 1 as it should be',
      ),
    ).toBeInTheDocument();
    expect(
      within(production)
        .getAllByRole('listitem')
        .map(it => it.querySelector('[data-tone]')?.textContent),
    ).toEqual([
      'Rights to deploy to namespace shop: missing',
      'Rights in b: not known',
      'HTTPRoute: less works without it',
      'Kubernetes 1.28 or newer: as it should be',
    ]);
    const fix = within(production).getByRole('group', {
      name: 'What to do: Rights to deploy to namespace shop',
    });
    expect(
      await within(fix).findByText(/kubectl apply -f rights.yaml/),
    ).toBeInTheDocument();
    expect(within(fix).getByRole('button')).toBeInTheDocument();
    await waitFor(() =>
      expect(
        screen.getByText(/^Production: 1 missing, 1 not known/),
      ).toBeInTheDocument(),
    );
    expect(await accessibilityProblems()).toEqual([]);

    api.environmentChecks.production = [VERSION];
    await userEvent.click(
      within(production).getByRole('button', {
        name: 'Check again: Production',
      }),
    );
    expect(
      await within(production).findByText('1 as it should be'),
    ).toBeInTheDocument();
    expect(api.calls.filter(it => it === 'getEnvironmentChecks')).toHaveLength(
      2,
    );
  });

  it('are checked all at once, and one that fails spoils no other', async () => {
    const api = platform();
    await renderForEntity(<DeliveryPage />, api, '/environments');
    await userEvent.click(
      await screen.findByRole('button', { name: 'Check all' }),
    );
    expect(
      await within(await region('Staging')).findByText('1 as it should be'),
    ).toBeInTheDocument();
    expect(
      await screen.findByText(`${RIGHTS.title}: missing`),
    ).toBeInTheDocument();
    const edge = await region('Edge');
    expect(
      await within(edge).findByText('Could not load the check'),
    ).toBeInTheDocument();
    expect(edge).toHaveTextContent('did not answer within 60000 ms');
    api.environmentChecks.edge = [];
    await userEvent.click(
      within(edge).getByRole('button', { name: 'Try again' }),
    );
    expect(
      await within(edge).findByText('This environment has nothing to check.'),
    ).toBeInTheDocument();
  });

  it('name the permission that a check needs', async () => {
    const api = platform();
    api.environmentChecks.staging = refused(
      403,
      'NotAllowedError',
      'user:default/ada does not have the permission delivery.environment.check on the environment staging',
    );
    await renderForEntity(<DeliveryPage />, api, '/environments');
    const staging = await region('Staging');
    await userEvent.click(
      within(staging).getByRole('button', { name: 'Check: Staging' }),
    );
    expect(
      await within(staging).findByText('You may not see the check'),
    ).toBeInTheDocument();
    expect(staging).toHaveTextContent(
      'The permission delivery.environment.check is needed.',
    );
  });

  it('count their services and those that need somebody, and lead to them', async () => {
    const api = platform();
    api.overview = overview({
      targets: [healthyTarget(), canaryTarget(), heldTarget()],
    });
    const all = api.getTargets.bind(api);
    jest.spyOn(api, 'getTargets').mockImplementation(async request => {
      const page = await all(request);
      if (request?.environment === 'edge') {
        throw new Error('the database is slow');
      }
      return request?.attention
        ? { items: page.items.filter(({ hold }) => hold) }
        : { ...page, nextCursor: page.items.length > 1 ? 'more' : undefined };
    });
    await renderForEntity(<DeliveryPage />, api, '/environments');
    const staging = await region('Staging');
    expect(await within(staging).findByText('1 service')).toBeInTheDocument();
    expect(staging).toHaveTextContent('nothing waits for anybody');
    const production = await region('Production');
    const link = await within(production).findByRole('link', {
      name: 'more than 2 services',
    });
    expect(production).toHaveTextContent('1 needs somebody');
    expect(await region('Edge')).toHaveTextContent('the database is slow');
    await userEvent.click(link);
    const estate = await screen.findByRole('table', {
      name: 'Services and environments',
    });
    expect(within(estate).getAllByRole('row')).toHaveLength(3);
    expect(
      screen.getByRole('button', { name: /^Environment/ }),
    ).toHaveTextContent('Production');
  });

  it('say what to do where there is none, and that they could not be loaded', async () => {
    const api = platform();
    api.environments = [];
    const { unmount } = await renderForEntity(
      <DeliveryPage />,
      api,
      '/environments',
    );
    expect(
      await screen.findByText('The platform has no environment yet.'),
    ).toBeInTheDocument();
    expect(document.body).toHaveTextContent('environments: - name: staging');
    unmount();
    api.failures.getEnvironments = new Error('the backend is away');
    await renderForEntity(<DeliveryPage />, api, '/environments');
    expect(
      await screen.findByText('Could not load the environments'),
    ).toBeInTheDocument();
  });

  it('are not asked again by themselves: not by a reset, not while nothing is heard', async () => {
    const api = platform();
    await renderForEntity(<DeliveryPage />, api, '/environments');
    const staging = await region('Staging');
    await userEvent.click(
      within(staging).getByRole('button', { name: 'Check: Staging' }),
    );
    await within(staging).findByText('1 as it should be');
    const looked = () =>
      api.calls.filter(it => it === 'getEnvironments').length;
    const before = looked();
    api.emit({ kind: 'reset', subject: '' });
    await waitFor(() => expect(looked()).toBeGreaterThan(before));
    expect(api.calls.filter(it => it === 'getEnvironmentChecks')).toHaveLength(
      1,
    );
  });
});
