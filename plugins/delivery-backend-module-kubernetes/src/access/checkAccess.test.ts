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

describe('a cluster that answers in part', () => {
  const allowed = json(200, { status: { allowed: true } });
  const served = json(200, {
    resources: [
      'Deployment',
      'HorizontalPodAutoscaler',
      'HTTPRoute',
      'GRPCRoute',
    ].map(kind => ({ name: kind, kind, namespaced: true, verbs: ['list'] })),
  });

  /** By the end of the path; the rights in the namespace "b" are not answered. */
  async function startCluster(options: { account?: ReturnType<typeof json> }) {
    const {
      account = json(200, {
        status: {
          userInfo: { username: 'system:serviceaccount:slipway:slipway' },
        },
      }),
    } = options;
    const api = await startFakeApi();
    api.answer(async (request, response) => {
      let text = '';
      for await (const chunk of request) {
        text += chunk;
      }
      const path = request.url ?? '';
      const namespace = text
        ? JSON.parse(text).spec?.resourceAttributes?.namespace
        : undefined;
      const answer = (() => {
        if (path === '/version') {
          return json(200, { gitVersion: 'v1.34.1' });
        }
        if (path.endsWith('/selfsubjectreviews')) {
          return account;
        }
        if (path.endsWith('/selfsubjectaccessreviews')) {
          return namespace === 'b'
            ? json(500, { reason: 'InternalError', message: 'the webhook' })
            : allowed;
        }
        if (path.startsWith('/api/v1/namespaces/')) {
          return path.endsWith('/gone')
            ? json(404, { reason: 'NotFound' })
            : json(200, { metadata: { name: 'there' } });
        }
        return path === '/api/v1'
          ? json(200, {
              resources: [
                {
                  name: 'namespaces',
                  kind: 'Namespace',
                  namespaced: false,
                  verbs: ['get'],
                },
              ],
            })
          : served;
      })();
      answer(request, response);
    });
    const client = api.client();
    return {
      check: (namespaces: string[]) =>
        checkAccess({ client, namespaces }, signal),
      close: async () => {
        await client.close();
        await api.close();
      },
    };
  }

  it('is looked at namespace by namespace: one that is unknown spoils no other', async () => {
    const cluster = await startCluster({});
    const checks = await cluster.check(['a', 'b', 'gone', 'c', 'a']);
    expect(
      checks
        .filter(({ id }) => !id.startsWith('kind:'))
        .map(({ id, status }) => `${id} ${status}`),
    ).toEqual([
      'version ok',
      'rights ok',
      'rights:a ok',
      'rights:b unknown',
      'namespace:gone missing',
      'rights:c ok',
    ]);
    expect(checks.find(({ id }) => id === 'rights:b')).toEqual({
      id: 'rights:b',
      title: 'Rights to deploy to namespace b',
      status: 'unknown',
      message: expect.stringMatching(/^It could not be looked at: .*webhook/),
    });
    await cluster.close();
  });

  it('is asked for no rights while it does not say whose they would be', async () => {
    const cluster = await startCluster({
      account: json(403, { reason: 'Forbidden', message: 'not for you' }),
    });
    expect(await cluster.check(['a'])).toMatchObject([
      { id: 'version', status: 'ok' },
      {
        id: 'account',
        status: 'unknown',
        message: expect.stringContaining('not for you'),
      },
    ]);
    await cluster.close();
  });
});
