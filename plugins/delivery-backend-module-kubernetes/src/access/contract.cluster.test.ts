import { describeCheckContract } from '@slipway/backstage-plugin-delivery-node/testing';
import { describeOnCluster } from '../testing';
import { createConnectionHarness } from '../watch/__testUtils__/connectionHarness';

jest.setTimeout(180_000);

describeOnCluster('On a real cluster', () => {
  describeCheckContract('Kubernetes', createConnectionHarness);
});
