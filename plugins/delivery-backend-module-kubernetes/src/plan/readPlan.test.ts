import { ConfigReader } from '@backstage/config';
import {
  PlanObject,
  plainRenderer,
} from '@slipway/backstage-plugin-delivery-node';
import fc from 'fast-check';
import { configMapsUsed, hashedName } from './configMaps';
import { checkPolicy, DEFAULT_POLICY, ManifestPolicy } from './policy';
import { readPlan } from './readPlan';
import { readPolicy } from './policyConfig';
import { isVersionedName } from './secretReferences';

const IMAGE = `registry.example/shop@sha256:${'a'.repeat(64)}`;

async function render(text: string): Promise<PlanObject[]> {
  return await plainRenderer.render({
    target: { service: 'component:default/shop', environment: 'staging' },
    releaseId: 'r1',
    bundle: new Map([['deploy.yaml', Buffer.from(text)]]),
    path: 'deploy.yaml',
    images: { app: IMAGE },
    signal: new AbortController().signal,
  });
}

const deployment = (more = '', name = 'shop', podSpec = '') => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  ${more}
  selector: { matchLabels: { app: shop } }
  template:
    metadata: { labels: { app: shop, part: web } }
    spec:
      ${podSpec}
      containers:
        - name: app
          image: app
          env:
            - { name: A, valueFrom: { configMapKeyRef: { name: settings, key: a } } }
            - { name: T, valueFrom: { secretKeyRef: { name: token-v3, key: t } } }
            - { name: P, valueFrom: { secretKeyRef: { name: password, key: p } } }
          envFrom: [{ configMapRef: { name: settings } }]
      volumes:
        - { name: v, configMap: { name: settings } }
        - { name: p, projected: { sources: [{ configMap: { name: settings } }] } }
        - { name: e, configMap: { name: of-the-environment } }
`;

const settings = (value: string) => `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { a: "${value}" }
`;

const read = async (...documents: string[]) =>
  readPlan({ objects: await render(documents.join('\n---\n')) });

describe('A Plan read as typed objects', () => {
  it('gives ConfigMaps that pods use the hash of their content, everywhere', async () => {
    const plan = await read(deployment('replicas: 3'), settings('one'));
    const [map] = plan.configMaps;
    expect(map).toMatchObject({
      immutable: true,
      metadata: { name: expect.stringMatching(/^settings-[0-9a-f]{10}$/) },
    });
    expect(plan.replicas).toBe(3);
    expect(configMapsUsed(plan.workload.spec.template.spec)).toEqual([
      map.metadata.name,
      'of-the-environment',
    ]);
    const same = await read(settings('one'), deployment('replicas: 5'));
    expect(same.configMaps[0].metadata.name).toBe(map.metadata.name);
    const other = await read(deployment(), settings('two'));
    expect(other.configMaps[0].metadata.name).not.toBe(map.metadata.name);
  });

  it('leaves a ConfigMap alone that no pod of the Plan uses: somebody finds it by its name', async () => {
    const plan = await read(
      deployment(),
      settings('one'),
      settings('x').replace('name: settings', 'name: dashboard'),
    );
    expect(plan.shared.map(({ metadata }) => metadata.name)).toEqual([
      'dashboard',
    ]);
  });

  it('hashes the content and nothing else, whatever the order of the keys', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.string()),
        fc.dictionary(fc.string(), fc.string()),
        (a, b) => {
          const name = (data: Record<string, string>, labels = {}) =>
            hashedName({
              apiVersion: 'v1',
              kind: 'ConfigMap',
              metadata: { name: 'x', labels, annotations: {} },
              data,
            });
          const turned = Object.fromEntries(Object.entries(a).reverse());
          expect(name(turned, { some: 'label' })).toBe(name(a));
          const isSame =
            JSON.stringify(Object.entries(a).sort()) ===
            JSON.stringify(Object.entries(b).sort());
          expect(name(a) === name(b)).toBe(isSame);
        },
      ),
    );
  });

  it('tells main Services and routes from others, scalers from shared things, and what pods need first', async () => {
    const plan = await read(
      deployment('replicas: 1'),
      settings('one'),
      'apiVersion: v1\nkind: Service\nmetadata: { name: shop }\nspec: { selector: { part: web }, ports: [{ port: 80 }] }',
      'apiVersion: v1\nkind: Service\nmetadata: { name: database }\nspec: { type: ExternalName, externalName: db.example }',
      'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: shop }\nspec: { rules: [{ backendRefs: [{ name: shop, port: 80 }] }] }',
      'apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: shop }\nspec: { scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }, minReplicas: 2, maxReplicas: 9 }',
      'apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: { name: shop }\nspec: { minAvailable: 1, selector: { matchLabels: { app: shop } } }',
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: shop }',
      'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: shop }\nspec: { podSelector: {} }',
    );
    const names = (
      objects: Array<{ kind: string; metadata: { name: string } }>,
    ) => objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(names(plan.traffic.services)).toEqual(['Service/shop']);
    expect(names(plan.traffic.routes)).toEqual(['HTTPRoute/shop']);
    expect(names(plan.needed)).toEqual(['ServiceAccount/shop']);
    expect(names(plan.shared)).toEqual([
      'NetworkPolicy/shop',
      'Service/database',
      'PodDisruptionBudget/shop',
    ]);
    expect(plan.scalers).toMatchObject([
      { field: 'scaleTargetRef', scalesReplicas: true, min: 2, max: 9 },
    ]);
    // The autoscaler would bring it there at once.
    expect(plan.replicas).toBe(2);
  });

  it('lists the secrets of its pods, and which of them have their version in the name', async () => {
    const plan = await read(deployment(), settings('one'));
    expect(plan.secrets).toEqual([
      { kind: 'Secret', name: 'password', optional: false, versioned: false },
      { kind: 'Secret', name: 'token-v3', optional: false, versioned: true },
    ]);
    expect(
      ['db-2026-11-24', 'db-5f1c0a9be2', 'db-v1.2', 'db-7h6t9mk2gd'].filter(
        isVersionedName,
      ),
    ).toHaveLength(4);
    expect(
      ['database', 'checkout-credentials', 'v', 'token-vault'].filter(
        isVersionedName,
      ),
    ).toEqual([]);
  });

  it.each([
    [
      'no Deployment',
      [settings('x')],
      /no Deployment; expected exactly one, found ConfigMap/,
    ],
    [
      'two Deployments',
      [deployment(), deployment('', 'worker')],
      /2 Deployments; .*"shop" \(deploy\.yaml:2:1\), "worker" \(deploy\.yaml:\d+:1\)/,
    ],
    [
      'a selector that misses its pods',
      [
        deployment().replace(
          'matchLabels: { app: shop }',
          'matchLabels: { app: till }',
        ),
      ],
      /^deploy\.yaml:2:1: spec\.selector .* does not select/,
    ],
    [
      'the same thing in two versions of its API',
      [
        deployment(),
        'apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: a }\nspec: { scaleTargetRef: { name: x } }',
        'apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: { name: a }\nspec: { scaleTargetRef: { name: x } }',
      ],
      /HorizontalPodAutoscaler "a" is defined at deploy\.yaml:\d+:1 already/,
    ],
    [
      'labels that are ours',
      [
        deployment(),
        settings('x').replace(
          '{ name: settings }',
          '{ name: settings, labels: { slipway.dev/target: x } }',
        ),
      ],
      /"slipway\.dev\/target" is set by Slipway/,
    ],
    [
      'a Job that no hook names',
      [
        deployment(),
        'apiVersion: batch/v1\nkind: Job\nmetadata: { name: migrate }\nspec: { template: { spec: { containers: [{ name: a, image: app }] } } }',
      ],
      /a Job runs once .* name it under hooks/,
    ],
    ['paused', [deployment('paused: true')], /spec\.paused keeps/],
    [
      'a number that is none',
      [deployment('replicas: many')],
      /^deploy\.yaml:2:1: spec\.replicas: /,
    ],
    [
      'two autoscalers',
      [
        deployment(),
        'apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: a }\nspec: { scaleTargetRef: { kind: Deployment, name: shop } }',
        'apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: { name: b }\nspec: { scaleTargetRef: { name: shop } }',
      ],
      /is scaled by deploy\.yaml:\d+:1 already/,
    ],
  ])('refuses %s, and says where', async (_, documents, message) => {
    await expect(read(...documents)).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringMatching(message),
    });
  });

  it('takes the Job that a hook names, with its configuration', async () => {
    const objects = await render(
      [
        deployment(),
        settings('one'),
        'apiVersion: batch/v1\nkind: Job\nmetadata: { name: migrate }\nspec: { template: { spec: { containers: [{ name: a, image: app, envFrom: [{ configMapRef: { name: settings } }] }] } } }',
      ].join('\n---\n'),
    );
    const plan = readPlan({ objects, jobs: ['migrate'] });
    expect(plan.jobs).toHaveLength(1);
    expect(JSON.stringify(plan.jobs)).toContain(
      plan.configMaps[0].metadata.name,
    );
  });
});

describe('The platform’s policy of manifests', () => {
  const subjects = async (...documents: string[]) =>
    (await read(...documents)).items.map(item => ({
      ...item,
      namespaced: !['ClusterRole', 'Namespace'].includes(item.object.kind),
    }));

  const EVIL = deployment('', 'shop', 'hostNetwork: true\n      hostPID: true')
    .replace(
      'image: app\n',
      'image: app\n          ports: [{ containerPort: 80, hostPort: 80 }]\n          securityContext: { privileged: true, capabilities: { add: [NET_ADMIN, NET_BIND_SERVICE] } }\n',
    )
    .replace(
      'volumes:',
      'volumes:\n        - { name: h, hostPath: { path: /etc } }',
    );
  const OBJECTS = [
    EVIL,
    'apiVersion: v1\nkind: Service\nmetadata: { name: thief }\nspec: { externalIPs: [10.0.0.1], ports: [{ port: 80 }] }',
    'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: { name: all }\nrules: []',
  ];

  it('blocks what reaches beyond the service’s own pods, and names every place', async () => {
    const list = await subjects(...OBJECTS);
    const blocked = () => checkPolicy(list, 'shop-staging', DEFAULT_POLICY);
    expect(blocked).toThrow(/deploy\.yaml:2:1: .*hostNetwork/);
    for (const rule of [
      'hostNamespaces',
      'hostPath',
      'hostPorts',
      'privileged',
      'addedCapabilities',
      'externalIPs',
      'rbac',
      'clusterScoped',
    ]) {
      expect(blocked).toThrow(new RegExp(`policy "${rule}"`));
    }
    expect(blocked).not.toThrow(/NET_BIND_SERVICE/);
  });

  it('warns or lets pass where the platform says so', async () => {
    const list = await subjects(...OBJECTS);
    const all = (value: 'allow' | 'warn') =>
      Object.fromEntries(
        Object.keys(DEFAULT_POLICY).map(rule => [rule, value]),
      ) as ManifestPolicy;
    expect(checkPolicy(list, 'shop-staging', all('allow'))).toEqual([]);
    expect(
      checkPolicy(list, 'shop-staging', {
        ...all('allow'),
        hostPath: 'warn',
      }),
    ).toEqual([expect.stringMatching(/the folder \/etc of the node/)]);
    expect(() =>
      checkPolicy(list, 'shop-staging', {
        ...all('allow'),
        privileged: 'block',
      }),
    ).toThrow(/is privileged/);
  });

  it('is read from the configuration, where what is not named stays blocked', () => {
    const policyOf = (policy: Record<string, string>) =>
      readPolicy(new ConfigReader({ delivery: { kubernetes: { policy } } }));
    expect(policyOf({ hostPath: 'warn' })).toEqual({
      ...DEFAULT_POLICY,
      hostPath: 'warn',
    });
    expect(readPolicy(new ConfigReader({}))).toEqual(DEFAULT_POLICY);
    expect(() => policyOf({ hostpath: 'warn' })).toThrow(
      /delivery\.kubernetes\.policy\.hostpath is no rule; there are clusterScoped,/,
    );
    expect(() => policyOf({ hostPath: 'yes' })).toThrow(
      /policy\.hostPath: expected allow, warn, block, found "yes"/,
    );
  });

  it('knows the environment’s namespace from others', async () => {
    const [item] = await subjects(deployment());
    const inside = (namespace: string) => ({
      ...item,
      object: {
        ...item.object,
        metadata: { ...item.object.metadata, namespace },
      },
    });
    expect(checkPolicy([inside('mine')], 'mine', DEFAULT_POLICY)).toEqual([]);
    expect(() =>
      checkPolicy([inside('theirs')], 'mine', DEFAULT_POLICY),
    ).toThrow(/is for namespace "theirs"; the environment's is "mine"/);
  });
});
