import { json, startFakeApi } from '../client/__testUtils__/fakeApi';
import { checkAccess } from '.';

const { signal } = new AbortController();

it('says that a cluster is too old, and asks it nothing that it does not have', async () => {
  const api = await startFakeApi();
  api.answer(json(200, { gitVersion: 'v1.24.3-eks-1' }));
  const client = api.client();
  expect(await checkAccess({ client, namespaces: ['a'] }, signal)).toEqual([
    {
      id: 'version',
      title: 'Kubernetes 1.28 or newer',
      status: 'missing',
      message: 'The cluster runs v1.24.3-eks-1',
      fix: 'Upgrade the cluster to 1.28.',
    },
  ]);
  expect(api.requests).toHaveLength(1);
  await client.close();
  await api.close();
});

it('says that credentials are refused', async () => {
  const api = await startFakeApi();
  api.answer(json(401, { reason: 'Unauthorized', message: 'Unauthorized' }));
  const client = api.client();
  expect(await checkAccess({ client, namespaces: [] }, signal)).toMatchObject([
    {
      id: 'reachable',
      status: 'missing',
      message: expect.stringMatching(/401 Unauthorized/),
    },
  ]);
  await client.close();
  await api.close();
});
