import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { accessibilityProblems, renderForEntity } from '../../__testUtils__';
import {
  FakeDeliveryApi,
  canaryTarget,
  deployment,
  deploymentDetail,
  heldTarget,
  measurements,
  overview,
  rolledBackDeployment,
  rollout,
} from '../../testing';
import { DeliveryTab } from '../DeliveryTab';

jest.setTimeout(60_000);

async function renderDeployment(api: FakeDeliveryApi) {
  await renderForEntity(<DeliveryTab />, api, '/deployments/deployment-g180');
}

function rolledBack(): FakeDeliveryApi {
  const api = new FakeDeliveryApi();
  const shown = rolledBackDeployment();
  const { startedAtMs = 0, finishedAtMs = 0 } = shown;
  const generation = shown.rollout?.candidate.generation ?? '';
  const shares = (percent: number) => [
    { generation: 'g172', percent: 100 - percent },
    { generation, percent },
  ];
  api.detail = deploymentDetail(shown, {
    ignored: ['autoscaling/v2/HorizontalPodAutoscaler/shop: ignored'],
    traffic: [
      { atMs: startedAtMs, asked: shares(0) },
      { atMs: startedAtMs + 1_000, asked: shares(10) },
      {
        atMs: finishedAtMs - 1_000,
        asked: shares(0),
        measured: { shares: shares(9.5), requests: 200, windowMs: 10_000 },
      },
    ],
    newInCanary: {
      atMs: finishedAtMs,
      lines: [
        {
          text: 'TypeError: price is undefined',
          count: 12,
          firstAtMs: startedAtMs,
          lastAtMs: finishedAtMs - 2_000,
        },
      ],
      more: 0,
      compared: { candidate: 90, stable: 800 },
    },
  });
  api.overview = overview({ targets: [heldTarget()] });
  api.measured = measurements(true);
  return api;
}

describe('DeploymentView', () => {
  it('does not call a canary what is rolled', async () => {
    const api = rolledBack();
    if (!api.detail?.deployment.rollout) {
      throw new Error('The fixture has no rollout');
    }
    const shown = api.detail.deployment;
    const share = { percent: 25 };
    api.detail = {
      ...api.detail,
      deployment: {
        ...shown,
        rollout: shown.rollout && {
          ...shown.rollout,
          strategy: { type: 'rolling', maxSurge: share, maxUnavailable: share },
        },
      },
    };
    await renderDeployment(api);
    expect(
      await screen.findByRole('heading', { name: 'New in this deployment' }),
    ).toBeInTheDocument();
    expect(screen.queryByText('New in the canary')).not.toBeInTheDocument();
  });

  it('opens a failed deployment on its cause, in a sentence, with the verbs that lead on', async () => {
    await renderDeployment(rolledBack());
    const sentence = await screen.findByText(
      'Rolled back: 6.1 % of canary requests failed (limit 1 %, 412 samples).',
    );
    const alert = sentence.closest('[role="alert"]');
    await waitFor(() =>
      expect(alert).toHaveTextContent(/Traffic is back on v1.7.2 since/),
    );
    expect(alert).toHaveTextContent('Automation is on hold.');
    expect(alert).toHaveTextContent(
      'success-rate was 93.9 % (at least 99 %; 412 samples).',
    );
    // The failed step is the chosen one, without a click.
    expect(
      screen.getByRole('button', { name: /Measure for 20 s/ }),
    ).toHaveAttribute('aria-current', 'true');
    expect(
      await screen.findByRole('img', {
        name: /success-rate: canary 93.9 %, threshold at least 99 %/,
      }),
    ).toBeInTheDocument();
    expect(
      screen.getByText('1 thing in the manifests is not done here'),
    ).toBeInTheDocument();
    expect(
      screen.getByText('autoscaling/v2/HorizontalPodAutoscaler/shop: ignored'),
    ).toBeInTheDocument();
    // The reason is said once; the pane of the step shows what stands behind it.
    expect(screen.getAllByText(/6.1 % of canary requests failed/)).toHaveLength(
      1,
    );
    expect(screen.queryByText(/^Next:|^until/)).not.toBeInTheDocument();
    expect(
      screen.getByRole('img', {
        name: /Asked shares over time: from .* v1.8.0 0 %, from .* v1.8.0 10 % \(measured 9.5 %\), from .* v1.8.0 0 %/,
      }),
    ).toBeInTheDocument();
    // What its logs tell and stable's do not.
    expect(
      screen.getByRole('heading', { name: 'New in the canary' }),
    ).toBeInTheDocument();
    expect(
      screen.getByText('TypeError: price is undefined'),
    ).toBeInTheDocument();
    expect(screen.getByText(/^12 times, last/)).toBeInTheDocument();
    expect(
      screen.getByText(/stable did not write \(90 and 800 lines compared\)/),
    ).toBeInTheDocument();
    expect(
      await screen.findByRole('button', { name: 'Retry' }),
    ).toBeInTheDocument();
    expect(
      screen.getByRole('button', { name: 'Release hold' }),
    ).toBeInTheDocument();
    expect(await accessibilityProblems()).toEqual([]);
  });

  it('shows the same measurements as a table, with no data as no data', async () => {
    await renderDeployment(rolledBack());
    await userEvent.click(
      await screen.findByRole('button', { name: 'Show as a table' }),
    );
    const table = screen.getByRole('table', { name: 'success-rate' });
    const rows = within(table).getAllByRole('row');
    expect(rows).toHaveLength(5);
    expect(rows[1]).toHaveTextContent('no data');
    expect(rows[4]).toHaveTextContent('93.9 %');
    expect(rows[4]).toHaveTextContent('99.9 %');
    expect(rows[4]).toHaveTextContent('Fail');
  });

  it('shows the steps with their durations, the current one with its countdown, and the evidence of a chosen one', async () => {
    const api = new FakeDeliveryApi();
    api.detail = deploymentDetail(deployment());
    api.overview = overview({ targets: [canaryTarget()] });
    await renderDeployment(api);
    const steps = await screen.findByRole('list', { name: 'Steps' });
    const [first, current, , pause] = within(steps).getAllByRole('button');
    expect(first).toHaveTextContent('Send 10 % to the new version');
    expect(first).toHaveTextContent('took 1 min');
    expect(current).toHaveTextContent(/Now 0:\d\d left/);
    expect(pause).toHaveTextContent('Wait for a person');
    expect(pause).toHaveTextContent('Coming');

    first.focus();
    await userEvent.keyboard('{Enter}');
    expect(first).toHaveAttribute('aria-current', 'true');
    expect(
      screen.getByText('This step measures nothing. Its events are below.'),
    ).toBeInTheDocument();
    // Asked beside measured.
    expect(
      screen.getByRole('img', { name: 'Asked: stable 90 %, canary 10 %' }),
    ).toBeInTheDocument();
    expect(
      screen.getByRole('img', {
        name: /Measured .*stable 90.2 %, canary 9.8 %/,
      }),
    ).toBeInTheDocument();
  });

  it('says who started it and why, and which gates it waits for', async () => {
    const api = new FakeDeliveryApi();
    api.detail = deploymentDetail(
      deployment({
        status: 'gated',
        rollout: undefined,
        waitingFor: [
          {
            gate: 'after',
            open: false,
            message: 'staging is healthy for 4 s of 10 s',
          },
        ],
      }),
    );
    await renderDeployment(api);
    expect(
      await screen.findByText(/staging is healthy for 4 s of 10 s/),
    ).toHaveTextContent('closed');
    expect(
      screen.getByText(/Deployment started by ada .*release v1.8.0 is ready/),
    ).toBeInTheDocument();
    expect(
      screen.getByText('It has not started, so there are no steps yet.'),
    ).toBeInTheDocument();
  });

  it('tells an inconclusive pause apart and says that a person decides', async () => {
    const api = new FakeDeliveryApi();
    api.detail = deploymentDetail(
      deployment({
        status: 'paused',
        rollout: rollout(1, {
          paused: {
            reason: 'inconclusive',
            sinceMs: Date.now() - 60_000,
            detail: {
              code: 'too-few-samples',
              message: 'Only 12 of 50 samples came within 1 min.',
            },
          },
        }),
      }),
    );
    await renderDeployment(api);
    expect(
      await screen.findByText(
        'Paused: Only 12 of 50 samples came within 1 min.',
      ),
    ).toBeInTheDocument();
    expect(screen.getByText(/Waits for a person/)).toBeInTheDocument();
  });
});
