import { LogLine } from '@slipway/backstage-plugin-delivery-common';
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { accessibilityProblems, renderForEntity } from '../../__testUtils__';
import {
  FakeDeliveryApi,
  canaryTarget,
  deployment,
  deploymentDetail,
  healthyTarget,
  heldTarget,
  instance,
  overview,
  rollout,
  unknownTarget,
  verbsExcept,
  DIGEST_180,
  SERVICE,
} from '../../testing';
import { DeliveryTab } from './DeliveryTab';

jest.setTimeout(60_000);

async function renderTab(api: FakeDeliveryApi, path = '') {
  await renderForEntity(<DeliveryTab />, api, path);
}

describe('DeliveryTab', () => {
  it('shows what runs where, and the canary beside stable', async () => {
    const api = new FakeDeliveryApi();
    await renderTab(api);

    const staging = await screen.findByRole('region', { name: 'Staging' });
    expect(staging).toHaveTextContent('v1.8.0');
    expect(staging).toHaveTextContent('3fa1c2e · sha256:9be19be1…');
    expect(staging).toHaveAttribute('data-tone', 'neutral');
    expect(staging).toHaveTextContent('Healthy');
    expect(staging).toHaveTextContent('2/2');

    const production = screen.getByRole('region', { name: 'Production' });
    expect(production).toHaveTextContent('v1.7.2 → v1.8.0');
    expect(production).toHaveAttribute('data-tone', 'moving');
    // A segment for each step: done, current, coming.
    const steps = within(production).getByRole('progressbar', {
      name: 'step 2 of 5',
    });
    expect(
      Array.from(steps.children, it => it.getAttribute('data-status')),
    ).toEqual(['done', 'active', 'pending', 'pending', 'pending']);
    expect(production).toHaveTextContent('step 2 of 5: Measure for 20 s');
    const tracks = within(production).getByRole('table');
    const [, stable, canary] = within(tracks).getAllByRole('row');
    expect(stable).toHaveTextContent('stable');
    expect(stable).toHaveTextContent('4/4');
    expect(stable).toHaveTextContent(/asked 90 %\s*seen 90.2 %/);
    expect(canary).toHaveTextContent('canary');
    expect(canary).toHaveTextContent('1/1');
    expect(canary).toHaveTextContent(/asked 10 %\s*seen 9.8 %/);
    expect(canary).toHaveTextContent('99.7 %');
    expect(canary).toHaveTextContent('91 ms');
    // Value beside limit beside samples, and the verdict as a word.
    expect(production).toHaveTextContent(
      'success-rate 99.7 % · at least 99 % · 412 of 50 samples · Pass',
    );
    expect(within(production).getByRole('timer')).toHaveTextContent(/^0:\d\d$/);
    expect(production).toHaveTextContent('until the verdict, at the latest');
    expect(screen.getByText('running 3/3 same digest')).toBeInTheDocument();

    expect(await accessibilityProblems()).toEqual([]);
  });

  it('shows unknown as unknown, never as zero or healthy', async () => {
    const api = new FakeDeliveryApi();
    api.overview = overview({ targets: [unknownTarget()] });
    await renderTab(api);
    const production = await screen.findByRole('region', {
      name: 'Production',
    });
    expect(production).toHaveTextContent('Unknown');
    expect(production).toHaveTextContent(
      'Instances are unknown: the cluster does not answer',
    );
    expect(production).not.toHaveTextContent('Healthy');
    expect(production).not.toHaveTextContent(/\b0 %|0\/\d/);
    expect(within(production).getByRole('table')).toHaveTextContent(
      /asked –\s*seen –/,
    );
  });

  it('says that permissions are off only when they are', async () => {
    const api = new FakeDeliveryApi();
    const text = /Permissions are switched off here/;
    api.overview = overview({
      permissions: { allowDisabled: true, enabled: true },
    });
    await renderTab(api);
    await screen.findByRole('region', { name: 'Production' });
    expect(screen.queryByText(text)).not.toBeInTheDocument();

    api.overview = overview({
      permissions: { allowDisabled: true, enabled: false },
    });
    api.emit({
      kind: 'target',
      subject: `${SERVICE}@production`,
      service: SERVICE,
    });
    expect(await screen.findByText(text)).toBeInTheDocument();
  });

  it('tells a pause that ends by itself from one that waits for a person', async () => {
    const api = new FakeDeliveryApi();
    const paused = (untilMs?: number) =>
      canaryTarget({
        active: deployment({
          status: 'paused',
          rollout: rollout(3, {
            paused: { reason: 'step', sinceMs: Date.now(), untilMs },
          }),
        }),
      });
    api.overview = overview({ targets: [paused(Date.now() + 60_000)] });
    await renderTab(api);
    const box = await screen.findByRole('region', { name: 'Production' });
    expect(box).toHaveAttribute('data-tone', 'moving');
    expect(within(box).getByRole('timer')).toHaveTextContent(/^[01]:\d\d$/);
    expect(box).toHaveTextContent('until: Make it stable');

    api.overview = overview({ targets: [paused()] });
    api.emit({
      kind: 'target',
      subject: `${SERVICE}@production`,
      service: SERVICE,
    });
    await waitFor(() => expect(box).toHaveAttribute('data-tone', 'waiting'));
    expect(box).toHaveTextContent('Waits for a person');
    expect(within(box).queryByRole('timer')).not.toBeInTheDocument();
  });

  it('narrows the log down to a track and to a stream', async () => {
    const api = new FakeDeliveryApi();
    const line = (
      text: string,
      instanceId: string,
      stream: LogLine['stream'],
    ) => ({ atMs: 0, text, stream, instance: instanceId });
    api.log = {
      lines: [
        line('stable says', 'checkout-old-1', 'stdout'),
        line('canary says', 'checkout-new-1', 'stdout'),
        line('canary fails', 'checkout-new-1', 'stderr'),
        line('was here once', 'checkout-before-1', 'stdout'),
      ],
      nextOffset: '4',
      ended: true,
    };
    await renderTab(api, '/instances');
    const log = await screen.findByRole('log', { name: 'Logs of Production' });
    await within(log).findByText(/stable says/);
    const canary = screen.getByRole('button', { name: 'canary' });
    expect(screen.getByRole('button', { name: 'gone' })).toHaveAttribute(
      'aria-pressed',
      'false',
    );
    await userEvent.click(canary);
    expect(canary).toHaveAttribute('aria-pressed', 'true');
    expect(log).toHaveTextContent(/canary says.*canary fails/);
    expect(log).not.toHaveTextContent(/stable says|was here once/);
    await userEvent.click(screen.getByRole('button', { name: 'stderr' }));
    expect(log).not.toHaveTextContent('canary says');
    expect(log).toHaveTextContent('canary fails');
    await userEvent.click(canary);
    await userEvent.click(screen.getByRole('button', { name: 'stderr' }));
    expect(log).toHaveTextContent(/stable says.*was here once/);
  });

  it('names the container of a line, and narrows the log down to one', async () => {
    const api = new FakeDeliveryApi();
    api.log = {
      lines: ['app', 'proxy'].map(container => ({
        atMs: 0,
        text: `ERROR by the ${container}`,
        instance: 'checkout-new-1',
        container,
      })),
      nextOffset: '2',
      ended: true,
    };
    await renderTab(api, '/instances');
    const log = await screen.findByRole('log', { name: 'Logs of Production' });
    await within(log).findByText(/checkout-new-1\/app ERROR by the app/);
    const group = screen.getByRole('group', {
      name: 'Lines of the container',
    });
    await userEvent.click(within(group).getByRole('button', { name: 'proxy' }));
    expect(log).toHaveTextContent('ERROR by the proxy');
    expect(log).not.toHaveTextContent('ERROR by the app');
  });

  it('says what giving back will do, wants a reason, and tells how far it is', async () => {
    const api = new FakeDeliveryApi();
    const target = healthyTarget({
      verbs: { ...verbsExcept(), 'give-back': { allowed: true } },
    });
    api.overview = overview({ targets: [target] });
    await renderTab(api);
    const box = await screen.findByRole('region', { name: 'Staging' });
    await userEvent.click(
      within(box).getByRole('button', { name: 'Give back…' }),
    );
    const dialog = screen.getByRole('dialog', {
      name: 'Give back in Staging?',
    });
    expect(dialog).toHaveTextContent('stop all automatic deployments');
    expect(dialog).toHaveTextContent('let v1.8.0 (sha256:9be19be1…) serve on');
    const confirm = within(dialog).getByRole('button', {
      name: 'Give back now',
    });
    expect(confirm).toBeDisabled();
    await userEvent.type(
      within(dialog).getByRole('textbox', { name: /Reason/ }),
      'the team moves',
    );
    await userEvent.click(confirm);
    expect(api.sent).toMatchObject([
      { verb: 'give-back', request: { reason: 'the team moves' } },
    ]);
    const ada = { type: 'user' as const, ref: 'user:default/ada' };
    const emit = () =>
      api.emit({
        kind: 'target',
        subject: `${SERVICE}@staging`,
        service: SERVICE,
      });
    api.overview = overview({
      targets: [
        {
          ...target,
          givingBack: {
            by: ada,
            sinceMs: Date.now(),
            planId: 'p',
            message: '1 of 2 instances are ready',
          },
        },
      ],
    });
    emit();
    await within(box).findByText(
      'Is being given back by ada: 1 of 2 instances are ready',
    );
    api.overview = overview({
      targets: [
        healthyTarget({
          stable: undefined,
          givenBack: { by: ada, atMs: Date.now() },
          health: { status: 'idle', causes: [] },
          verbs: verbsExcept(),
        }),
      ],
    });
    emit();
    await within(box).findByText(
      'Given back by ada: it runs on without Slipway.',
    );
    expect(box).not.toHaveTextContent('Nothing runs');
    expect(
      within(box).queryByRole('button', { name: 'Give back…' }),
    ).not.toBeInTheDocument();
  });

  it('says that giving back ran out of time, and offers to try again or to take over', async () => {
    const api = new FakeDeliveryApi();
    const ada = { type: 'user' as const, ref: 'user:default/ada' };
    api.overview = overview({
      targets: [
        healthyTarget({
          verbs: {
            ...verbsExcept(),
            'give-back': { allowed: true },
            'take-over': { allowed: true },
          },
          givingBack: {
            by: ada,
            sinceMs: 1,
            planId: 'p',
            message: '1 of 2 instances are ready',
            deadlineMs: 2,
            overdue: {
              sinceMs: 2,
              deadlineMs: 3,
              reason: {
                code: 'give-back-overdue',
                message: 'It is not given back after 30 min: 1 of 2 ready',
                action: 'See to what it waits for',
              },
            },
          },
        }),
      ],
    });
    await renderTab(api);
    const box = await screen.findByRole('region', { name: 'Staging' });
    expect(box).toHaveTextContent('It is not given back after 30 min');
    expect(box).toHaveTextContent('See to what it waits for');
    expect(
      within(box).getByRole('button', { name: 'Take over' }),
    ).toBeInTheDocument();
    await userEvent.click(
      within(box).getByRole('button', { name: 'Try again to give back…' }),
    );
    expect(
      screen.getByRole('dialog', {
        name: 'Try again to give back in Staging?',
      }),
    ).toHaveTextContent('it waited for: 1 of 2 instances are ready');
    expect(await accessibilityProblems()).toEqual([]);
  });

  it('writes a hold on the arrow, with who and why', async () => {
    const api = new FakeDeliveryApi();
    api.overview = overview({ targets: [healthyTarget(), heldTarget()] });
    await renderTab(api);
    expect(
      await screen.findByText('Hold by automation: v1.8.0 was rolled back'),
    ).toBeInTheDocument();
    const production = screen.getByRole('region', { name: 'Production' });
    expect(production).toHaveTextContent('Last: Rolled back');
    expect(production).toHaveTextContent('6.1 % of canary requests failed');
    expect(
      within(production).getByRole('link', { name: 'Why?' }),
    ).toHaveAttribute('href', '/delivery/deployments/deployment-g180');
    expect(await accessibilityProblems()).toEqual([]);
  });

  it('names the permission that is missing', async () => {
    const api = new FakeDeliveryApi();
    const refusal = new Error('The permission delivery.target.read is needed');
    refusal.name = 'NotAllowedError';
    api.failures.getOverview = refusal;
    await renderTab(api);
    expect(
      await screen.findByText('You may not see the environments'),
    ).toBeInTheDocument();
    expect(
      screen.getByText(/The permission delivery.target.read is needed/),
    ).toBeInTheDocument();
  });

  it('keeps what was known when a part fails, and says since when', async () => {
    const api = new FakeDeliveryApi();
    await renderTab(api);
    await screen.findByRole('region', { name: 'Production' });
    api.failures.getOverview = new Error('the database is away');
    api.emit({
      kind: 'target',
      subject: `${SERVICE}@production`,
      service: SERVICE,
    });
    expect(
      await screen.findByText(
        /Could not load the environments again; shown as of/,
      ),
    ).toBeInTheDocument();
    expect(screen.getByText('the database is away')).toBeInTheDocument();
    expect(
      screen.getByRole('region', { name: 'Production' }),
    ).toBeInTheDocument();
    // Other parts go on.
    expect(screen.getByText(/Nothing was deployed yet/)).toBeInTheDocument();

    api.failures = {};
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await waitFor(() =>
      expect(
        screen.queryByText('the database is away'),
      ).not.toBeInTheDocument(),
    );
  });

  it('says what to do where nothing is delivered yet', async () => {
    const api = new FakeDeliveryApi();
    api.overview = overview({ targets: [], releases: [] });
    await renderTab(api);
    expect(await screen.findByText('No environment yet')).toBeInTheDocument();
    expect(
      screen.getAllByText(/slipway.dev\/definition/).length,
    ).toBeGreaterThan(0);
  });

  it('follows changes without reload, and tells them to a screen reader', async () => {
    const api = new FakeDeliveryApi();
    await renderTab(api);
    const production = await screen.findByRole('region', {
      name: 'Production',
    });
    api.overview = overview({ targets: [healthyTarget(), heldTarget()] });
    api.emit({
      kind: 'target',
      subject: `${SERVICE}@production`,
      service: SERVICE,
    });
    await waitFor(() =>
      expect(production).toHaveTextContent('Last: Rolled back'),
    );
    const live = screen
      .getAllByRole('status')
      .map(it => it.textContent)
      .join('|');
    expect(live).toContain('Production: Healthy, Rolled back');
  });

  it('applies the state of instances as it comes, without a fetch', async () => {
    const api = new FakeDeliveryApi();
    await renderTab(api);
    const staging = await screen.findByRole('region', { name: 'Staging' });
    const fetched = api.calls.filter(it => it === 'getOverview').length;
    api.emit({
      kind: 'instances',
      subject: `${SERVICE}@staging`,
      service: SERVICE,
      instances: {
        known: [
          instance('checkout-1', 'g180', DIGEST_180),
          instance('checkout-2', 'g180', DIGEST_180, { ready: false }),
        ],
        observedAtMs: Date.now(),
        reflects: 3,
      },
    });
    await waitFor(() => expect(staging).toHaveTextContent('1/2'));
    expect(api.calls.filter(it => it === 'getOverview')).toHaveLength(fetched);
  });

  it('disables a verb with its reason, which keyboard and screen reader reach', async () => {
    const api = new FakeDeliveryApi();
    api.overview = overview({
      targets: [
        canaryTarget({
          verbs: verbsExcept({
            abort: 'The permission delivery.target.abort is needed',
          }),
        }),
      ],
    });
    await renderTab(api);
    const abort = await screen.findByRole('button', {
      name: 'Abort: The permission delivery.target.abort is needed',
    });
    expect(abort).toHaveAttribute('aria-disabled', 'true');
    abort.focus();
    expect(abort).toHaveFocus();
    await userEvent.keyboard('{Enter}');
    expect(screen.queryByRole('dialog')).not.toBeInTheDocument();
  });

  it('asks before a verb, says exactly what it will do, and sends it once: by keyboard alone', async () => {
    const api = new FakeDeliveryApi();
    api.overview = overview({ targets: [canaryTarget()] });
    await renderTab(api);
    const abort = await screen.findByRole('button', { name: 'Abort' });
    abort.focus();
    await userEvent.keyboard('{Enter}');
    const dialog = await screen.findByRole('dialog', {
      name: 'Abort in Production?',
    });
    expect(dialog).toHaveTextContent(
      'send 100 % of the traffic back to v1.7.2 (sha256:17a217a2…) first',
    );
    expect(dialog).toHaveTextContent('then take v1.8.0 away');
    expect(await accessibilityProblems(dialog)).toEqual([]);

    await userEvent.tab();
    while (document.activeElement?.tagName !== 'TEXTAREA') {
      await userEvent.tab();
    }
    await userEvent.keyboard('it looks wrong');
    await userEvent.tab();
    await userEvent.tab();
    expect(
      within(dialog).getByRole('button', { name: 'Abort now' }),
    ).toHaveFocus();
    await userEvent.keyboard('{Enter}');

    await waitFor(() => expect(api.sent).toHaveLength(1));
    expect(api.sent[0]).toMatchObject({
      subject: 'deployment-g180',
      verb: 'abort',
      request: { reason: 'it looks wrong' },
    });
    expect(api.sent[0].request.idempotencyKey).toMatch(/^[0-9a-f]{32}$/);
    expect(await screen.findByText('Abort: written down')).toBeInTheDocument();
  });

  it('moves at once after a verb, and tells the truth when it is refused', async () => {
    const api = new FakeDeliveryApi();
    const paused = deployment({ status: 'progressing' });
    api.overview = overview({ targets: [canaryTarget({ active: paused })] });
    let respond: () => void = () => {};
    const answered = new Promise<void>(resolve => {
      respond = resolve;
    });
    jest.spyOn(api, 'commandDeployment').mockImplementation(async () => {
      await answered;
      return {
        commandId: 'c',
        accepted: false,
        message: 'the deployment is over',
      };
    });
    await renderTab(api);
    const production = await screen.findByRole('region', {
      name: 'Production',
    });
    await userEvent.click(
      within(production).getByRole('button', { name: 'Pause' }),
    );
    await userEvent.click(
      await screen.findByRole('button', { name: 'Pause now' }),
    );
    await waitFor(() => expect(production).toHaveTextContent('Pausing…'));
    expect(production).toHaveTextContent('Paused');
    respond();
    expect(
      await screen.findByText('Pause was refused: the deployment is over'),
    ).toBeInTheDocument();
    await waitFor(() => expect(production).toHaveTextContent('Progressing'));
  });

  it('goes back to a release that is chosen, naming its digest', async () => {
    const api = new FakeDeliveryApi();
    api.overview = overview({ targets: [canaryTarget()] });
    api.deployments = [
      deployment({ releaseId: 'release-180', status: 'succeeded' }),
    ];
    api.detail = deploymentDetail(api.deployments[0], {
      notRestorable: ['Secret "till" (key api): what it holds then is used'],
    });
    await renderTab(api);
    await userEvent.click(
      await screen.findByRole('button', { name: 'Roll back…' }),
    );
    const dialog = await screen.findByRole('dialog');
    await userEvent.click(await within(dialog).findByRole('radio'));
    expect(dialog).toHaveTextContent(
      'apply v1.8.0 (sha256:9be19be1…) to Production again, whole',
    );
    // What a rollback does not bring back is said before it is confirmed.
    expect(
      await within(dialog).findByText(/^Secret "till" \(key api\)/),
    ).toBeInTheDocument();
    await userEvent.click(
      within(dialog).getByRole('button', { name: 'Roll back now' }),
    );
    await waitFor(() =>
      expect(api.sent).toMatchObject([
        { subject: 'production', verb: 'rollback release-180' },
      ]),
    );
  });

  it('releases a chosen commit, and opens the release', async () => {
    const api = new FakeDeliveryApi();
    await renderTab(api);
    await screen.findByRole('region', { name: 'Production' });
    await userEvent.click(screen.getByRole('button', { name: 'Release…' }));
    const dialog = await screen.findByRole('dialog', {
      name: 'Release a commit of Checkout',
    });
    const commit = await within(dialog).findByRole('radio', {
      name: /Retry the payment once/,
    });
    expect(dialog).toHaveTextContent(/Grace, \d+ min\. ago/);
    expect(dialog).toHaveTextContent('release: Ready');
    expect(await accessibilityProblems(dialog)).toEqual([]);
    await userEvent.click(commit);
    await userEvent.click(
      within(dialog).getByRole('button', { name: 'Release c0ffee0' }),
    );
    expect(
      await screen.findByRole('heading', { name: 'Release v1.8.0' }),
    ).toBeInTheDocument();
    expect(api.sent[0].verb).toBe(
      'release c0ffee0011223344556677889900aabbccddeeff',
    );
  });

  it('says when it is not live, and since when', async () => {
    const api = new FakeDeliveryApi();
    api.failures.streamEvents = new Error('a proxy in between');
    await renderTab(api);
    expect(
      await screen.findByText(/Not live since .*; looking every 10 s/),
    ).toBeInTheDocument();
  });

  it('switches an operation at once, and back when it cannot be done', async () => {
    const api = new FakeDeliveryApi();
    await renderTab(api, '/settings');
    const traffic = await screen.findByRole('checkbox', {
      name: 'Example traffic',
    });
    expect(traffic).toBeChecked();
    api.answer = { commandId: 'c', accepted: false, message: 'no instance' };
    await userEvent.click(traffic);
    expect(api.sent).toMatchObject([
      { verb: 'traffic', request: { args: { on: false } } },
    ]);
    expect(
      await screen.findByText('Example traffic: no instance'),
    ).toBeInTheDocument();
    expect(traffic).toBeChecked();
  });

  it('asks what an environment lacks only when somebody wants to know, and shows how to give it', async () => {
    const api = new FakeDeliveryApi();
    api.checks = [
      {
        id: 'rights',
        title: 'Rights to deploy',
        status: 'missing',
        message: 'slipway may not create deployments',
        fix: 'kubectl apply -f rights.yaml',
      },
    ];
    await renderTab(api, '/settings');
    const [button] = await screen.findAllByRole('button', {
      name: 'Check what is missing',
    });
    expect(api.calls).not.toContain('getChecks');
    await userEvent.click(button);
    expect(
      await screen.findByText('Rights to deploy: missing'),
    ).toBeInTheDocument();
    expect(
      screen.getByText('slipway may not create deployments'),
    ).toBeInTheDocument();
    expect(document.body).toHaveTextContent('kubectl apply -f rights.yaml');
    expect(await accessibilityProblems()).toEqual([]);
  });

  it.each([
    ['releases', 'Show the delivery date'],
    ['instances', 'hello from the log'],
    ['findings', 'upgrade lodash to 4.17.21: 2 findings go'],
    ['settings', 'Example traffic'],
  ])('has %s behind it', async (tab, text) => {
    const api = new FakeDeliveryApi();
    await renderTab(api, `/${tab}`);
    expect(
      (await screen.findAllByText(new RegExp(text)))[0],
    ).toBeInTheDocument();
    expect(await accessibilityProblems()).toEqual([]);
  });
});
