import { TargetCause } from '@slipway/backstage-plugin-delivery-common';
import { screen, waitFor, within } from '@testing-library/react';
import { accessibilityProblems, renderForEntity } from '../../__testUtils__';
import {
  FakeDeliveryApi,
  SERVICE,
  deploymentDetail,
  healthyTarget,
  overview,
  unknownTarget,
  instance,
  DIGEST_180,
} from '../../testing';
import { causesOf } from '../../model';
import { DeliveryTab } from '../DeliveryTab';

jest.setTimeout(60_000);

const SELECTS_NOTHING: TargetCause = {
  code: 'service-selects-nothing',
  summary: 'The Service checkout selects no pod',
  evidence: 'selector app=chekout; the pod checkout-1 has app=checkout',
  action: "Make the Service's selector match the labels of the pod template",
  sinceMs: Date.now() - 60_000,
  level: 'error',
  about: 'Service/checkout',
};
const AT_MAXIMUM: TargetCause = {
  code: 'autoscaler-at-maximum',
  summary: 'The autoscaler checkout is at its maximum of 5 instances',
  sinceMs: Date.now() - 3_600_000,
  level: 'warning',
  about: 'HorizontalPodAutoscaler/checkout',
};
const seen = { observedAtMs: Date.now(), reflects: 3 };

function known(causes: TargetCause[]) {
  return { ...seen, known: causes };
}

describe('what is wrong or in the way', () => {
  it('is what others have changed, once, with both values and what is done about it', async () => {
    const api = new FakeDeliveryApi();
    const summary = 'The image was changed';
    api.overview = overview({
      targets: [
        healthyTarget({
          // The watch tells it as well, and each instance that it runs.
          causes: known([
            {
              code: 'changed-by-others',
              summary,
              sinceMs: Date.now(),
              level: 'warning',
              action: 'Take over',
            },
          ]),
          drift: {
            found: [
              {
                kind: 'edited',
                about: 'Deployment/checkout',
                message: summary,
                by: 'kubectl-set',
                sinceMs: Date.now(),
                action: 'It is put right by itself soon',
                fields: [
                  { field: '.image', expected: 'app:1', found: 'app:2' },
                ],
              },
            ],
            instances: [
              {
                instance: 'checkout-1',
                image: 'app',
                expected: DIGEST_180,
                found: 'sha256:other',
              },
            ],
            repairedAtMs: [],
          },
        }),
      ],
    });
    await renderForEntity(<DeliveryTab />, api);
    const box = await screen.findByRole('region', { name: 'Staging' });
    expect(within(box).getAllByText(/was changed/)).toHaveLength(1);
    const [cause] = within(box)
      .getAllByRole('listitem')
      .filter(item => item.hasAttribute('data-cause'));
    expect(cause).toHaveTextContent(
      /Deployment\/checkout · by kubectl-set · .*ago|now/,
    );
    // The exact time is on hover, and for machines.
    expect(cause.querySelector('time')).toHaveAttribute('title');
    expect(box).toHaveTextContent('It is put right by itself soon');
    expect(box).not.toHaveTextContent('What to do: Take over');
    expect(box).toHaveTextContent('app:1 -> app:2');
    expect(box).toHaveTextContent(
      '1 instance runs another digest than was deployed',
    );
    expect(await accessibilityProblems()).toEqual([]);
  });

  it('stands on the card with its word, its evidence and what to do, what is broken first', async () => {
    const api = new FakeDeliveryApi();
    const target = healthyTarget({
      health: { status: 'degraded', causes: [SELECTS_NOTHING.summary] },
      causes: known([AT_MAXIMUM, SELECTS_NOTHING]),
    });
    api.overview = overview({
      targets: [
        {
          ...target,
          traffic: {
            ...seen,
            known: {
              accepted: [{ generation: 'g180', percent: 100 }],
              causes: [
                {
                  code: 'route-pending',
                  level: 'info',
                  summary: 'No gateway has looked at HTTPRoute/checkout yet',
                  sinceMs: Date.now(),
                },
              ],
            },
          },
        },
      ],
    });
    await renderForEntity(<DeliveryTab />, api);
    const box = await screen.findByRole('region', { name: 'Staging' });
    const list = within(box).getByRole('list', {
      name: 'What is wrong or in the way',
    });
    const [first, second, third] = within(list).getAllByRole('listitem');
    expect(first).toHaveTextContent(
      /^Broken: The Service checkout selects no pod/,
    );
    expect(first).toHaveTextContent('Service/checkout');
    expect(first).toHaveTextContent(
      "What to do: Make the Service's selector match",
    );
    expect(first.querySelector('[data-tone=broken] svg')).toBeTruthy();
    expect(first.querySelector('details')).not.toHaveAttribute('open');
    expect(second).toHaveTextContent(/^In the way: The autoscaler/);
    expect(second.querySelector('[data-tone=waiting]')).toBeTruthy();
    expect(third).toHaveTextContent(/^Under way: No gateway has looked/);
    expect(third.querySelector('[data-tone=moving]')).toBeTruthy();
    // Said once, although the health names it too.
    expect(within(box).getAllByText(/selects no pod/)).toHaveLength(1);
    expect(await accessibilityProblems()).toEqual([]);
  });

  it('comes and goes with the stream, without a fetch', async () => {
    const api = new FakeDeliveryApi();
    api.overview = overview({ targets: [healthyTarget()] });
    await renderForEntity(<DeliveryTab />, api);
    const box = await screen.findByRole('region', { name: 'Staging' });
    const fetched = api.calls.filter(call => call === 'getOverview').length;
    const emit = (causes: TargetCause[]) =>
      api.emit({
        kind: 'instances',
        subject: `${SERVICE}@staging`,
        service: SERVICE,
        instances: {
          ...seen,
          known: [instance('checkout-1', 'g180', DIGEST_180)],
        },
        causes: known(causes),
      });
    emit([SELECTS_NOTHING]);
    await within(box).findByText(/selects no pod/);
    emit([]);
    await waitFor(() => expect(box).not.toHaveTextContent('selects no pod'));
    expect(api.calls.filter(call => call === 'getOverview')).toHaveLength(
      fetched,
    );
  });

  it('is unknown where it is not seen, and never empty by that', async () => {
    const api = new FakeDeliveryApi();
    const unknown = { unknown: 'the watch is lost', sinceMs: Date.now() };
    api.overview = overview({
      targets: [
        healthyTarget({ causes: unknown }),
        { ...unknownTarget(), causes: unknown },
      ],
    });
    await renderForEntity(<DeliveryTab />, api);
    const box = await screen.findByRole('region', { name: 'Staging' });
    expect(box).toHaveTextContent(
      'What is wrong here is unknown: the watch is lost',
    );
    // Where nothing at all is known, that is said once.
    const production = screen.getByRole('region', { name: 'Production' });
    expect(production).toHaveTextContent('Instances are unknown');
    expect(production).not.toHaveTextContent('What is wrong here is unknown');
  });

  it('names the instances that have it, and folds what does not fit', async () => {
    const api = new FakeDeliveryApi();
    const crash = {
      code: 'crash-loop',
      summary: 'The container app ends with exit code 7 again and again',
      evidence: 'the till is empty',
      sinceMs: Date.now() - 1_000,
    };
    const target = healthyTarget({
      causes: known(
        [1, 2, 3].map(n => ({
          ...AT_MAXIMUM,
          code: `code-${n}`,
          summary: `Warning ${n}`,
        })),
      ),
      workloads: {
        ...seen,
        known: {
          generations: [
            {
              generation: 'g180',
              planId: 'p',
              wanted: 2,
              ready: 0,
              instances: ['checkout-1', 'checkout-2'].map(id =>
                instance(id, 'g180', DIGEST_180, {
                  ready: false,
                  cause: crash,
                }),
              ),
            },
          ],
        },
      },
    });
    api.overview = overview({ targets: [target] });
    await renderForEntity(<DeliveryTab />, api);
    const box = await screen.findByRole('region', { name: 'Staging' });
    const [first] = within(box)
      .getAllByRole('listitem')
      .filter(item => item.hasAttribute('data-cause'));
    expect(first).toHaveTextContent('checkout-1, checkout-2');
    expect(within(box).getByText('and 1 more')).toBeInTheDocument();
  });

  it('does not call broken what has just started and is not ready yet', () => {
    const startedAtMs = 1_000_000;
    const cause = {
      code: 'probe-failing',
      summary: 'The readiness probe fails',
      sinceMs: startedAtMs,
    };
    const target = healthyTarget({
      workloads: {
        ...seen,
        known: {
          generations: [
            {
              generation: 'g180',
              planId: 'p',
              wanted: 1,
              ready: 0,
              instances: [
                instance('one', 'g180', DIGEST_180, {
                  ready: false,
                  startedAtMs,
                  cause,
                }),
              ],
            },
          ],
        },
      },
    });
    expect(causesOf(target, startedAtMs + 5_000)).toEqual([]);
    expect(causesOf(target, startedAtMs + 15_000)).toMatchObject([
      { code: 'probe-failing', about: 'one' },
    ]);
  });

  it('stands open in the deployment view', async () => {
    const api = new FakeDeliveryApi();
    const target = healthyTarget({ causes: known([SELECTS_NOTHING]) });
    api.detail = target.last && deploymentDetail(target.last);
    api.overview = overview({ targets: [target] });
    await renderForEntity(
      <DeliveryTab />,
      api,
      `/deployments/${target.last?.id}`,
    );
    const list = await screen.findByRole('list', {
      name: 'What is wrong or in the way',
    });
    expect(within(list).getByText(/selector app=chekout/)).toBeVisible();
    expect(list.querySelector('details')).toHaveAttribute('open');
  });
});
