import { mockServices } from '@backstage/backend-test-utils';
import { createKubernetesConnection } from './connection';
import {
  GENERATION_LABEL,
  ROLE_LABEL,
  RUN_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
} from './names';
import { startFakeApiServer } from './watch/__testUtils__/fakeApiServer';

const target = {
  service: 'component:default/shop',
  environment: 'staging',
};

it('A look of the engine at workloads, traffic and who leads reads each kind once', async () => {
  const api = await startFakeApiServer();
  const labels = { [TARGET_LABEL]: targetLabel(target) };
  api.put('deployments', {
    metadata: {
      name: 'shop',
      namespace: 'team',
      labels: { ...labels, [ROLE_LABEL]: 'workload', [GENERATION_LABEL]: 'g1' },
      annotations: { [RUN_ANNOTATION]: 'run-1' },
    },
    spec: { replicas: 1, selector: { matchLabels: { app: 'shop' } } },
  });
  const connection = createKubernetesConnection({
    cluster: {
      name: 'test',
      client: api.client,
      namespaceOf: async () => 'team',
    },
    logger: mockServices.logger.mock(),
    namespacesIn: () => ['team'],
  });
  const signal = AbortSignal.timeout(30_000);
  try {
    const [workloads, , delegated] = await Promise.all([
      connection.workloads.observe(target, signal),
      connection.traffic.observe(target, signal),
      connection.delegated?.observe(target, signal),
    ]);
    expect(workloads).toMatchObject({
      known: { generations: [{ generation: 'g1' }] },
    });
    expect(delegated).toMatchObject({ known: { key: 'run-1' } });
    const lists = (kind: string) =>
      api.requests.filter(request => request === `LIST ${kind}`);
    expect(lists('deployments')).toHaveLength(1);
    expect(lists('pods')).toHaveLength(1);
  } finally {
    await api.client.close();
    await api.close();
  }
});
