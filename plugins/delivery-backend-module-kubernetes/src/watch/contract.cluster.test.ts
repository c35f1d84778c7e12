import { describeLiveSourceContract } from '@slipway/backstage-plugin-delivery-node/testing';
import { describeOnCluster } from '../testing';
import { createConnectionHarness } from './__testUtils__/connectionHarness';

jest.setTimeout(180_000);

describeOnCluster('On a real cluster', () => {
  describeLiveSourceContract('Kubernetes', createConnectionHarness);
});
