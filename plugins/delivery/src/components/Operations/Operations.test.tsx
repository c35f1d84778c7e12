import { OperationView } from '@slipway/backstage-plugin-delivery-common';
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { accessibilityProblems, renderForEntity } from '../../__testUtils__';
import {
  FakeDeliveryApi,
  healthyTarget,
  overview,
  verbsExcept,
} from '../../testing';
import { DeliveryTab } from '../DeliveryTab';

jest.setTimeout(60_000);

const SCALE: OperationView = {
  id: 'scale',
  title: 'Scale',
  description: 'Runs another number of instances than the 2 now',
  destructive: false,
  arguments: [
    {
      name: 'replicas',
      title: 'Instances',
      type: 'integer',
      min: 1,
      max: 1000,
      current: 2,
    },
  ],
};

async function renderWith(
  operation: OperationView,
  verbs = verbsExcept(),
): Promise<FakeDeliveryApi> {
  const api = new FakeDeliveryApi();
  api.overview = overview({
    targets: [healthyTarget({ operations: [operation], verbs })],
  });
  await renderForEntity(<DeliveryTab />, api, '/instances');
  return api;
}

describe('scaling', () => {
  it('asks for the number, refuses what is none, and tells the result', async () => {
    const api = await renderWith(SCALE);
    api.answer = {
      commandId: 'c',
      accepted: true,
      message: 'Scaled from 2 to 5 instances',
    };
    await userEvent.click(await screen.findByRole('button', { name: 'Scale' }));
    const dialog = screen.getByRole('dialog', { name: 'Scale in Staging?' });
    const number = within(dialog).getByRole('spinbutton', {
      name: /Instances/,
    });
    const confirm = within(dialog).getByRole('button', { name: 'Scale now' });
    expect(number).toHaveValue(2);
    expect(dialog).toHaveTextContent('From 1 to 1000; 2 now');
    // The number that is there already changes nothing.
    expect(confirm).toBeDisabled();
    for (const text of ['0', '1.5', '1001']) {
      await userEvent.clear(number);
      await userEvent.type(number, text);
      expect(confirm).toBeDisabled();
    }
    await userEvent.clear(number);
    await userEvent.type(number, '5');
    await userEvent.type(
      within(dialog).getByRole('textbox', { name: 'Reason' }),
      'the sale',
    );
    expect(await accessibilityProblems()).toEqual([]);
    await userEvent.click(confirm);
    expect(api.sent).toMatchObject([
      {
        verb: 'scale',
        request: { args: { replicas: 5 }, reason: 'the sale' },
      },
    ]);
    expect(
      await screen.findByText('Scale: Scaled from 2 to 5 instances'),
    ).toBeInTheDocument();
  });

  it.each([
    [
      'a scaler has the number',
      { ...SCALE, unavailable: 'HorizontalPodAutoscaler/checkout decides' },
      undefined,
      'Scale: HorizontalPodAutoscaler/checkout decides',
    ],
    [
      'it is not permitted',
      SCALE,
      {
        operate: {
          allowed: false,
          reason: 'delivery.target.operate is needed',
        },
      },
      'Scale: delivery.target.operate is needed',
    ],
  ])(
    'says why it cannot be used when %s',
    async (_, operation, verbs, name) => {
      const api = await renderWith(operation, { ...verbsExcept(), ...verbs });
      const button = await screen.findByRole('button', { name });
      expect(button).toHaveAttribute('aria-disabled', 'true');
      await userEvent.click(button);
      expect(screen.queryByRole('dialog')).not.toBeInTheDocument();
      expect(api.sent).toEqual([]);
    },
  );
});
