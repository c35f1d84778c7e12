import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { accessibilityProblems, renderForEntity } from '../../__testUtils__';
import {
  FakeDeliveryApi,
  SERVICE,
  blockedRelease,
  canaryTarget,
  deployment,
  healthyTarget,
  heldTarget,
  overview,
  rollout,
} from '../../testing';
import { DeliveryPage } from './DeliveryPage';
import { inboxOf } from './inbox';

jest.setTimeout(60_000);

function inconclusive() {
  return canaryTarget({
    service: 'component:default/orders',
    active: deployment({
      service: 'component:default/orders',
      status: 'paused',
      rollout: rollout(1, {
        paused: {
          reason: 'inconclusive',
          sinceMs: 5,
          detail: { code: 'x', message: 'Only 12 of 50 samples came.' },
        },
      }),
    }),
  });
}

describe('DeliveryPage', () => {
  it('shows what needs somebody first, then the estate, each leading to its why', async () => {
    const api = new FakeDeliveryApi();
    api.overview = overview({
      targets: [healthyTarget(), heldTarget(), inconclusive()],
    });
    api.releases = [blockedRelease()];
    await renderForEntity(<DeliveryPage />, api);
    const inbox = await screen.findByRole('table', { name: 'Needs somebody' });
    const [, ...rows] = within(inbox).getAllByRole('row');
    expect(rows.map(row => row.textContent)).toEqual([
      expect.stringContaining('Inconclusive'),
      expect.stringContaining('On hold'),
      expect.stringContaining('Blocked'),
    ]);
    expect(rows[0]).toHaveTextContent('Only 12 of 50 samples came.');
    expect(within(rows[0]).getByRole('link')).toHaveAttribute(
      'href',
      '/catalog/default/component/orders/delivery/deployments/deployment-g180',
    );
    const estate = await screen.findByRole('table', {
      name: 'Services and environments',
    });
    expect(within(estate).getAllByRole('row')).toHaveLength(4);
    expect(estate).toHaveTextContent('v1.8.0: Rolled back');
    expect(await accessibilityProblems()).toEqual([]);
  });

  it('filters the estate where the data is, and pages through it', async () => {
    const api = new FakeDeliveryApi();
    const getTargets = jest
      .spyOn(api, 'getTargets')
      .mockImplementation(async request =>
        request?.attention
          ? { items: [] }
          : {
              items: [
                request?.cursor === 'second' ? heldTarget() : healthyTarget(),
              ],
              nextCursor: request?.cursor ? undefined : 'second',
            },
      );
    await renderForEntity(<DeliveryPage />, api);
    expect(
      await screen.findByText('Nothing waits for anybody.'),
    ).toBeInTheDocument();
    await userEvent.click(
      await screen.findByRole('button', { name: 'Next page' }),
    );
    expect(await screen.findByText('Page 2')).toBeInTheDocument();
    await userEvent.type(screen.getByLabelText('Owner'), 'group:default/shop');
    await waitFor(() =>
      expect(getTargets).toHaveBeenLastCalledWith(
        expect.objectContaining({
          owner: 'group:default/shop',
          cursor: undefined,
        }),
      ),
    );
  });

  it('leaves out what goes on by itself and what a newer release has replaced', () => {
    const timed = canaryTarget({
      active: deployment({
        status: 'paused',
        rollout: rollout(3, {
          paused: { reason: 'step', sinceMs: 1, untilMs: 2 },
        }),
      }),
    });
    const old = { ...blockedRelease(), createdAtMs: 1 };
    const newer = {
      ...blockedRelease(),
      createdAtMs: 2,
      status: 'ready' as const,
    };
    expect(inboxOf([timed], [old, newer])).toEqual([]);
  });

  it('says why something is degraded, since when, and leaves what was given back alone', () => {
    const degraded = healthyTarget({
      health: { status: 'degraded', causes: ['1 of 2 instances are ready'] },
      causes: {
        known: [
          {
            code: 'quota-exceeded',
            summary: 'The quota tiny is used up',
            sinceMs: 7,
            level: 'error',
          },
        ],
        observedAtMs: 8,
        reflects: 1,
      },
    });
    const givenBack = heldTarget({
      stable: undefined,
      last: undefined,
      health: { status: 'idle', causes: [] },
      givenBack: { by: { type: 'user', ref: 'user:default/ada' }, atMs: 1 },
    });
    expect(inboxOf([degraded, givenBack], [])).toMatchObject([
      { kind: 'degraded', message: 'The quota tiny is used up', sinceMs: 7 },
    ]);
  });

  it('asks for somebody where giving back ran out of time, once, and not while it has time', () => {
    const by = { type: 'user' as const, ref: 'user:default/ada' };
    const givingBack = { by, sinceMs: 1, planId: 'p', deadlineMs: 5 };
    const reason = { code: 'give-back-overdue', message: '0 of 2 ready' };
    expect(
      inboxOf(
        [
          heldTarget({ givingBack, last: undefined }),
          heldTarget({
            last: undefined,
            givingBack: {
              ...givingBack,
              overdue: { sinceMs: 5, deadlineMs: 9, reason },
            },
          }),
        ],
        [],
      ),
    ).toMatchObject([
      { kind: 'not-given-back', message: '0 of 2 ready', sinceMs: 5 },
    ]);
  });

  it('keeps the estate when the inbox fails', async () => {
    const api = new FakeDeliveryApi();
    api.failures.getReleases = new Error('the database is slow');
    await renderForEntity(<DeliveryPage />, api);
    expect(
      await screen.findByText('Could not load what needs somebody'),
    ).toBeInTheDocument();
    expect(
      await screen.findByRole('table', { name: 'Services and environments' }),
    ).toHaveTextContent(SERVICE.split('/')[1]);
  });
});
