import { Drift } from '@slipway/backstage-plugin-delivery-common';
import { KubeApiError, KubeClient } from '../client';
import { createDriftAdmissions } from './driftAdmissions';

const DRIFT: Drift = {
  kind: 'admission',
  about: 'Deployment/shop',
  message: 'its image is another one',
};
const quiet = new AbortController().signal;
const PODS = [{ apiGroups: [''], resources: ['pods'], operations: ['CREATE'] }];
const RULES = [
  { apiGroups: ['apps'], resources: ['deployments'], operations: ['*'] },
];

/** An API server that answers what it has, and refuses or lacks the rest. */
function api(answers: Record<string, object | 403>) {
  const asked: string[] = [];
  const raw: KubeClient['raw'] = async ({ path }) => {
    asked.push(path);
    const answer = answers[path.replace(/^.*\/(v\w+\/\w+)/, '$1')] ?? 404;
    if (typeof answer === 'number') {
      throw new KubeApiError('test', `GET ${path}`, answer, {});
    }
    return JSON.parse(JSON.stringify(answer));
  };
  return { raw, asked };
}

const written = {
  resource: 'deployments' as const,
  labels: { app: 'shop' },
  namespace: 'shop',
};
const webhook = (name: string, rest: object = {}) => ({
  metadata: { name: `${name}s` },
  webhooks: [{ name, rules: RULES, ...rest }],
});
const policies = (
  matchConstraints: object,
  matchResources?: object,
  policyName = 'rewrite',
) => ({
  mutatingadmissionpolicies: {
    items: [{ metadata: { name: 'rewrite' }, spec: { matchConstraints } }],
  },
  mutatingadmissionpolicybindings: {
    items: [{ metadata: { name: 'b' }, spec: { policyName, matchResources } }],
  },
});

async function byOf(answers: Record<string, object | 403>, drift = [DRIFT]) {
  const [named] = await createDriftAdmissions(api(answers)).name(
    drift,
    written,
    quiet,
  );
  return named?.by;
}

describe('Which admission may have changed it', () => {
  it('is a webhook for such objects in this namespace, and none of others', async () => {
    expect(
      await byOf({
        'v1/mutatingwebhookconfigurations': {
          items: [
            webhook('mutate.example.com'),
            webhook('pods.example.com', { rules: PODS }),
            webhook('elsewhere.example.com', {
              namespaceSelector: { matchLabels: { team: 'others' } },
            }),
            webhook('labelled.example.com', {
              objectSelector: {
                matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }],
              },
            }),
          ],
        },
      }),
    ).toBe(
      'webhook "mutate.example.com" (MutatingWebhookConfiguration "mutate.example.coms")',
    );
  });

  it.each(['v1', 'v1beta1'])(
    'is a policy that is bound (%s)',
    async version => {
      const serve = (lists: Record<string, object>) => ({
        'v1/mutatingwebhookconfigurations': { items: [] },
        ...Object.fromEntries(
          Object.entries(lists).map(([name, list]) => [
            `${version}/${name}`,
            list,
          ]),
        ),
      });
      const forAll = { resourceRules: RULES };
      expect(await byOf(serve(policies(forAll)))).toBe(
        'MutatingAdmissionPolicy "rewrite"',
      );
      const elsewhere = {
        namespaceSelector: {
          matchLabels: { 'kubernetes.io/metadata.name': 'another' },
        },
      };
      expect(await byOf(serve(policies(forAll, elsewhere)))).toBeUndefined();
      expect(
        await byOf(serve(policies(forAll, undefined, 'another'))),
      ).toBeUndefined();
    },
  );

  it('is one of several, as Kubernetes does not keep which', async () => {
    expect(
      await byOf({
        'v1/mutatingwebhookconfigurations': {
          items: ['a', 'b', 'c', 'd', 'e', 'f'].map(name => webhook(name)),
        },
      }),
    ).toMatch(/^one of webhook "a" .*, webhook "d" \(.*\) and 2 more$/);
  });

  it('is not named without the right to ask, and nobody is asked where nothing drifted', async () => {
    expect(
      await byOf({ 'v1/mutatingwebhookconfigurations': 403 }),
    ).toBeUndefined();
    const { raw, asked } = api({});
    const admissions = createDriftAdmissions({ raw });
    expect(await admissions.name([], written, quiet)).toEqual([]);
    expect(asked).toEqual([]);
    await admissions.name([DRIFT], written, quiet);
    const before = asked.length;
    await admissions.name([DRIFT], written, quiet);
    // Only the namespace's labels: what is in force is remembered for a while.
    expect(asked.length - before).toBe(1);
  });
});
