import { renderInTestApp } from '@backstage/test-utils';
import { screen } from '@testing-library/react';
import { TrafficState } from '@slipway/backstage-plugin-delivery-common';
import { TrafficRoutes } from '.';
import { healthyTarget } from '../../testing';

describe('What goes to the canary beside its share', () => {
  it('is told in words, headers with their values', async () => {
    const target = healthyTarget();
    const generation = target.stable?.generation ?? '';
    const known: TrafficState = {
      accepted: [{ generation, percent: 100 }],
      routes: [
        {
          type: 'headers',
          generation,
          headers: [
            { name: 'x-canary', value: 'always' },
            { name: 'x-team', value: 'till' },
          ],
        },
        { type: 'mirror', generation: 'gone', percent: 20 },
      ],
    };
    await renderInTestApp(
      <TrafficRoutes
        target={{ ...target, traffic: { known, observedAtMs: 1, reflects: 1 } }}
      />,
    );
    expect(
      screen.getByText(
        'Requests with x-canary: always, x-team: till go to stable',
      ),
    ).toBeInTheDocument();
    expect(
      screen.getByText(
        '20 % of the requests are mirrored to gone; those answers are thrown away',
      ),
    ).toBeInTheDocument();
  });

  it('takes no room while there is nothing of it', async () => {
    const { container } = await renderInTestApp(
      <div data-testid="room">
        <TrafficRoutes target={healthyTarget()} />
      </div>,
    );
    expect(container.querySelector('[data-testid=room]')).toBeEmptyDOMElement();
  });
});
