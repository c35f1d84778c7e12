import { describeWorkloadsContract } from '@slipway/backstage-plugin-delivery-node/testing';
import { describeOnCluster } from '../testing';
import { createContractHarness } from './__testUtils__/harness';

jest.setTimeout(180_000);

describeOnCluster('On a real cluster', () => {
  describeWorkloadsContract('Kubernetes', createContractHarness);
});
