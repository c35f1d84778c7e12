import { ConfigReader } from '@backstage/config';
import { mockServices } from '@backstage/backend-test-utils';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { json, startFakeApi } from '../../client/__testUtils__/fakeApi';
import { createGatewayFeatures, readGatewayFeatures } from './gatewayFeatures';

describe('What gateways can do', () => {
  let api: Awaited<ReturnType<typeof startFakeApi>>;
  beforeEach(async () => {
    api = await startFakeApi();
  });
  afterEach(() => api.close());

  let nowMs = 0;
  function features(stated?: { mirrorShares?: boolean }) {
    nowMs = 0;
    return createGatewayFeatures({
      cluster: { name: 'test', client: api.client() },
      logger: mockServices.logger.mock(),
      stated,
      clock: () => nowMs,
    });
  }
  const gatewayClass = (...supportedFeatures: unknown[]) => ({
    status: { supportedFeatures },
  });
  const SHARES = 'HTTPRouteRequestPercentageMirror';

  it('is learnt from all GatewayClasses, in both forms of their list, and asked for seldom', async () => {
    api.answer(
      json(200, { items: [gatewayClass(SHARES)] }),
      json(200, {
        items: [gatewayClass({ name: SHARES }), gatewayClass('Gateway')],
      }),
    );
    const { mirrorShares } = features();
    expect(mirrorShares()).toBe(false);
    await poll('it is known', async () => mirrorShares());
    expect(api.requests).toHaveLength(1);
    nowMs = 3_600_000;
    expect(mirrorShares()).toBe(true);
    await poll('one of them cannot', async () => !mirrorShares());
    expect(api.requests).toHaveLength(2);
  });

  it.each([
    ['there are none', json(200, { items: [] })],
    ['they publish nothing', json(200, { items: [{}] })],
    ['they may not be read', json(403, { message: 'forbidden' })],
  ])('is not known where %s', async (_, answer) => {
    api.answer(answer);
    const { mirrorShares } = features();
    expect(mirrorShares()).toBe(false);
    await poll('it was asked', async () => api.requests.length > 0);
    expect(mirrorShares()).toBe(false);
  });

  it('is what the platform says, without asking', () => {
    const stated = readGatewayFeatures(
      new ConfigReader({
        delivery: {
          kubernetes: {
            gatewayFeatures: [
              { cluster: 'test', mirrorShares: true },
              { cluster: 'other', mirrorShares: false },
            ],
          },
        },
      }),
    );
    expect(features(stated.get('test')).mirrorShares()).toBe(true);
    expect(features(stated.get('other')).mirrorShares()).toBe(false);
    expect(api.requests).toEqual([]);
  });
});
