import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { KubeObject } from '../client';
import { describeOnCluster, openTestCluster, TestCluster } from '../testing';
import { createCrashEvidence } from './evidence';
import { explain } from './explain';
import { HealthCode } from './codes';
import { Finding } from './types';

jest.setTimeout(240_000);

const quiet = new AbortController().signal;
const LABEL = 'health-case';

/** One way to go wrong, made on the cluster. */
interface Case {
  code: HealthCode;
  title: string;
  /** Documents for this case's namespace; each gets the case's label. */
  make(image: Images): Array<Record<string, unknown>>;
  evidence: RegExp;
  action: RegExp;
}

interface Images {
  good: string;
  crashing: string;
  oom: string;
  neverReady: string;
  registry: string;
}

type Fields = Record<string, unknown>;

function deployment(
  image: string,
  container: Fields = {},
  pod: Fields = {},
  spec: Fields = {},
): Record<string, unknown> {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'case' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'case' } },
      ...spec,
      template: {
        metadata: { labels: { app: 'case' } },
        spec: {
          terminationGracePeriodSeconds: 1,
          automountServiceAccountToken: false,
          ...pod,
          containers: [
            {
              name: 'app',
              image,
              ports: [{ name: 'http', containerPort: 8080 }],
              resources: { requests: { cpu: '5m', memory: '16Mi' } },
              ...container,
            },
          ],
        },
      },
    },
  };
}

const object = (apiVersion: string, kind: string, rest: Fields) => ({
  apiVersion,
  kind,
  metadata: { name: 'case' },
  ...rest,
});

const service = (spec: Fields) => object('v1', 'Service', { spec });
const DIGEST = `sha256:${'0'.repeat(64)}`;

const CASES: Case[] = [
  {
    code: 'image-pull-not-found',
    title: 'a digest that the registry does not have',
    make: ({ registry }) => [deployment(`${registry}/nobody/here@${DIGEST}`)],
    evidence: /not found/,
    action: /repository and the digest/,
  },
  {
    code: 'image-pull-unreachable',
    title: 'a registry that does not answer',
    make: () => [deployment('127.0.0.1:9/nobody/here:1')],
    evidence: /refused|timeout/,
    action: /registry answers/,
  },
  {
    code: 'image-name-invalid',
    title: 'an image that is no reference',
    make: () => [deployment('Not/An:Image:Name')],
    evidence: /InvalidImageName|invalid reference/,
    action: /Correct the image/,
  },
  {
    code: 'crash-loop',
    title: 'a process that ends again and again',
    make: ({ crashing }) => [deployment(crashing)],
    evidence: /exit code 7\n[\s\S]*the till is empty/,
    action: /log/,
  },
  {
    code: 'out-of-memory',
    title: 'a process that takes more memory than its limit',
    make: ({ oom }) => [
      deployment(oom, {
        resources: {
          requests: { cpu: '5m', memory: '16Mi' },
          limits: { memory: '96Mi' },
        },
      }),
    ],
    evidence: /OOMKilled/,
    action: /limits\.memory/,
  },
  {
    code: 'start-failed',
    title: 'a command that the image does not hold',
    make: ({ good }) => [deployment(good, { command: ['/no/such/program'] })],
    evidence: /no such file|not found/,
    action: /does not hold the program/,
  },
  {
    code: 'run-as-root-refused',
    title: 'an image that runs as root where that is forbidden',
    make: ({ good }) => [
      deployment(good, {
        securityContext: { runAsNonRoot: true, runAsUser: 0 },
      }),
    ],
    evidence: /root/,
    action: /USER 1000/,
  },
  {
    code: 'probe-failing',
    title: 'a readiness probe that is not answered well',
    make: ({ neverReady }) => [
      deployment(neverReady, {
        readinessProbe: {
          httpGet: { path: '/ready', port: 'http' },
          periodSeconds: 1,
        },
      }),
    ],
    evidence: /503/,
    action: /readiness probe/,
  },
  {
    code: 'probe-failing',
    title: 'a liveness probe that restarts it',
    make: ({ good }) => [
      deployment(good, {
        livenessProbe: {
          tcpSocket: { port: 9 },
          periodSeconds: 1,
          failureThreshold: 1,
        },
        readinessProbe: { tcpSocket: { port: 9 }, periodSeconds: 1 },
      }),
    ],
    evidence: /refused/,
    action: /liveness|probe/,
  },
  {
    code: 'configmap-missing',
    title: 'environment of a ConfigMap that is not there',
    make: ({ good }) => [
      deployment(good, { envFrom: [{ configMapRef: { name: 'prices' } }] }),
    ],
    evidence: /configmap "prices" not found/,
    action: /ConfigMap prices/,
  },
  {
    code: 'secret-missing',
    title: 'a volume of a Secret that is not there',
    make: ({ good }) => [
      deployment(
        good,
        { volumeMounts: [{ name: 'keys', mountPath: '/keys' }] },
        { volumes: [{ name: 'keys', secret: { secretName: 'till-keys' } }] },
      ),
    ],
    evidence: /secret "till-keys" not found/,
    action: /Secret till-keys/,
  },
  {
    code: 'config-key-missing',
    title: 'a key that the ConfigMap does not have',
    make: ({ good }) => [
      object('v1', 'ConfigMap', { data: { there: 'yes' } }),
      deployment(good, {
        env: [
          {
            name: 'PRICE',
            valueFrom: { configMapKeyRef: { name: 'case', key: 'price' } },
          },
        ],
      }),
    ],
    evidence: /price/,
    action: /optional/,
  },
  {
    code: 'service-account-missing',
    title: 'a ServiceAccount that is not there',
    make: ({ good }) => [
      deployment(good, {}, { serviceAccountName: 'cashier' }),
    ],
    evidence: /cashier/,
    action: /ServiceAccount cashier/,
  },
  {
    code: 'volume-claim-missing',
    title: 'a claim that is not there',
    make: ({ good }) => [
      deployment(
        good,
        { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
        {
          volumes: [
            { name: 'data', persistentVolumeClaim: { claimName: 'ledger' } },
          ],
        },
      ),
    ],
    evidence: /ledger/,
    action: /PersistentVolumeClaim ledger/,
  },
  {
    code: 'volume-claim-unbound',
    title: 'a claim of a storage class that nobody serves',
    make: ({ good }) => [
      object('v1', 'PersistentVolumeClaim', {
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'no-such-class',
          resources: { requests: { storage: '1Mi' } },
        },
      }),
      deployment(
        good,
        { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
        {
          volumes: [
            { name: 'data', persistentVolumeClaim: { claimName: 'case' } },
          ],
        },
      ),
    ],
    evidence: /unbound|bound/,
    action: /storage class/,
  },
  {
    code: 'unschedulable-resources',
    title: 'more CPU than any node has',
    make: ({ good }) => [
      deployment(good, { resources: { requests: { cpu: '900' } } }),
    ],
    evidence: /Insufficient cpu/,
    action: /resources\.requests/,
  },
  {
    code: 'unschedulable-placement',
    title: 'a label that no node has',
    make: ({ good }) => [
      deployment(good, {}, { nodeSelector: { moon: 'dark' } }),
    ],
    evidence: /: no label moon=dark/,
    action: /nodeSelector/,
  },
  {
    code: 'scheduling-gated',
    title: 'a scheduling gate',
    make: ({ good }) => [
      deployment(good, {}, { schedulingGates: [{ name: 'example.com/wait' }] }),
    ],
    evidence: /gate/i,
    action: /schedulingGates/,
  },
  {
    code: 'quota-exceeded',
    title: 'a quota that is used up',
    make: ({ good }) => [
      object('v1', 'ResourceQuota', { spec: { hard: { pods: '0' } } }),
      deployment(good),
    ],
    evidence: /exceeded quota: case/,
    action: /ResourceQuota case/,
  },
  {
    code: 'limit-range',
    title: 'a LimitRange that is exceeded',
    make: ({ good }) => [
      object('v1', 'LimitRange', {
        spec: { limits: [{ type: 'Container', max: { memory: '8Mi' } }] },
      }),
      deployment(good, {
        resources: {
          requests: { cpu: '5m', memory: '4Mi' },
          limits: { memory: '32Mi' },
        },
      }),
    ],
    evidence: /maximum memory usage|must be/,
    action: /resources/,
  },
  {
    code: 'pod-security',
    title: 'a pod that Pod Security forbids',
    make: ({ good }) => [
      { restricted: true },
      deployment(good, { securityContext: { privileged: true } }),
    ],
    evidence: /violates PodSecurity "restricted:latest"/,
    action: /privileged/,
  },
  {
    code: 'admission-denied',
    title: 'an admission policy that says no',
    make: ({ good }) => [{ policy: true }, deployment(good)],
    evidence: /the shop is closed/,
    action: /who owns/,
  },
  {
    code: 'service-selects-nothing',
    title: 'a Service with a misspelt selector',
    make: ({ good }) => [
      deployment(good),
      service({
        selector: { app: 'csae' },
        ports: [{ port: 80, targetPort: 'http' }],
      }),
    ],
    evidence: /app=case/,
    action: /selector/,
  },
  {
    code: 'service-port-mismatch',
    title: 'a Service to a port that the pods do not have',
    make: ({ good }) => [
      deployment(good),
      service({
        selector: { app: 'case' },
        ports: [{ port: 80, targetPort: 'web' }],
      }),
    ],
    evidence: /http \(8080\)/,
    action: /targetPort/,
  },
  {
    code: 'disruption-never-allowed',
    title: 'a budget that never lets a pod go',
    make: ({ good }) => [
      deployment(good),
      object('policy/v1', 'PodDisruptionBudget', {
        spec: {
          minAvailable: 1,
          selector: { matchLabels: { app: 'case' } },
        },
      }),
    ],
    evidence: /1 of 1 pods are healthy, 1 must be/,
    action: /minAvailable/,
  },
  {
    code: 'autoscaler-without-metrics',
    title: 'an autoscaler of a pod without requests',
    make: ({ good }) => [
      deployment(good, { resources: {} }),
      object('autoscaling/v2', 'HorizontalPodAutoscaler', {
        spec: {
          scaleTargetRef: {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            name: 'case',
          },
          minReplicas: 1,
          maxReplicas: 2,
          metrics: [
            {
              type: 'Resource',
              resource: {
                name: 'cpu',
                target: { type: 'Utilization', averageUtilization: 50 },
              },
            },
          ],
        },
      }),
    ],
    evidence: /request|metrics/,
    action: /requests|metrics server/,
  },
  {
    code: 'autoscaler-cannot-scale',
    title: 'an autoscaler of what is not there',
    make: () => [
      object('autoscaling/v2', 'HorizontalPodAutoscaler', {
        spec: {
          scaleTargetRef: {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            name: 'nobody',
          },
          maxReplicas: 2,
        },
      }),
    ],
    evidence: /nobody|not found/,
    action: /scaleTargetRef/,
  },
  {
    code: 'paused',
    title: 'a Deployment that somebody has paused',
    make: ({ good }) => [deployment(good, {}, {}, { paused: true })],
    evidence: /paused/,
    action: /rollout resume/,
  },
  {
    code: 'route-unseen',
    title: 'a route to a Gateway that does not exist',
    make: () => [
      service({ selector: { app: 'case' }, ports: [{ port: 80 }] }),
      object('gateway.networking.k8s.io/v1', 'HTTPRoute', {
        spec: {
          parentRefs: [{ name: 'nowhere' }],
          rules: [{ backendRefs: [{ name: 'case', port: 80 }] }],
        },
      }),
    ],
    evidence: /nowhere/,
    action: /controller/,
  },
  {
    code: 'service-missing',
    title: 'a route to a Service that does not exist',
    make: () => [
      object('gateway.networking.k8s.io/v1', 'HTTPRoute', {
        spec: {
          parentRefs: [{ name: 'slipway', namespace: 'gateway' }],
          rules: [{ backendRefs: [{ name: 'nobody', port: 80 }] }],
        },
      }),
    ],
    evidence: /services of the namespace/,
    action: /backendRefs/,
  },
  {
    code: 'route-port-mismatch',
    title: 'a route to a port that the Service does not have',
    make: () => [
      service({ selector: { app: 'case' }, ports: [{ port: 80 }] }),
      object('gateway.networking.k8s.io/v1', 'HTTPRoute', {
        spec: {
          parentRefs: [{ name: 'slipway', namespace: 'gateway' }],
          rules: [{ backendRefs: [{ name: 'case', port: 8080 }] }],
        },
      }),
    ],
    evidence: /its ports are 80/,
    action: /ports/,
  },
  {
    code: 'route-not-accepted',
    title: 'a route with a host name that the Gateway does not take',
    make: () => [
      service({ selector: { app: 'case' }, ports: [{ port: 80 }] }),
      object('gateway.networking.k8s.io/v1', 'HTTPRoute', {
        spec: {
          parentRefs: [
            { name: 'slipway', namespace: 'gateway', sectionName: 'no-such' },
          ],
          rules: [{ backendRefs: [{ name: 'case', port: 80 }] }],
        },
      }),
    ],
    evidence: /NoMatchingParent/,
    action: /sectionName/,
  },
];

/** Few at a time: the nodes are small. */
const AT_ONCE = 6;

describeOnCluster('What is wrong on a real cluster', () => {
  let world: TestCluster;
  let images: Images;
  const evidence = () => createCrashEvidence({ client: world.client });

  beforeAll(async () => {
    world = await openTestCluster();
    const target = world.newTarget();
    const push = async (
      version: string,
      behaviour: 'good' | 'crashing' | 'oom' | 'never-ready',
    ) => (await world.plan(target, { version, behaviour })).images.app;
    images = {
      good: await push('good', 'good'),
      crashing: await push('crashing', 'crashing'),
      oom: await push('oom', 'oom'),
      neverReady: await push('never', 'never-ready'),
      registry: world.registry.host,
    };
  });

  afterAll(async () => {
    await world?.close();
  });

  async function create(body: Fields, namespace?: string): Promise<KubeObject> {
    const { apiVersion, kind, metadata } = body as KubeObject;
    return await world.client.create(
      {
        ...body,
        apiVersion,
        kind,
        metadata: { ...metadata, ...(namespace && { namespace }) },
      },
      { fieldManager: 'kubectl' },
      quiet,
    );
  }

  async function make(
    scenario: Case,
    namespace: string,
  ): Promise<() => Promise<void>> {
    const documents = scenario.make(images);
    const restricted = documents.some(document => document.restricted);
    await create({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: {
          [LABEL]: namespace,
          ...(restricted && {
            'pod-security.kubernetes.io/enforce': 'restricted',
          }),
        },
      },
    });
    const { client } = world;
    const cleanups: Array<() => Promise<unknown>> = [
      () =>
        world.client.delete(
          { apiVersion: 'v1', kind: 'Namespace', name: namespace },
          {},
          quiet,
        ),
    ];
    const admission = 'admissionregistration.k8s.io/v1';
    if (documents.some(document => document.policy)) {
      const name = namespace;
      const both = [
        'ValidatingAdmissionPolicy',
        'ValidatingAdmissionPolicyBinding',
      ];
      await create({
        apiVersion: admission,
        kind: both[0],
        metadata: { name },
        spec: {
          matchConstraints: {
            resourceRules: [
              {
                apiGroups: [''],
                apiVersions: ['v1'],
                operations: ['CREATE'],
                resources: ['pods'],
              },
            ],
          },
          validations: [{ expression: 'false', message: 'the shop is closed' }],
        },
      });
      await create({
        apiVersion: admission,
        kind: both[1],
        metadata: { name },
        spec: {
          policyName: name,
          validationActions: ['Deny'],
          matchResources: {
            namespaceSelector: { matchLabels: { [LABEL]: namespace } },
          },
        },
      });
      // The API server takes a policy up a moment after it is there.
      await poll('the policy is in force', async () => {
        const probe = {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'probe', namespace },
          spec: { containers: [{ name: 'app', image: images.good }] },
        };
        try {
          await world.client.create(
            probe,
            { fieldManager: 'kubectl', dryRun: true },
            quiet,
          );
          return false;
        } catch (error) {
          return /the shop is closed/.test(String(error));
        }
      });
      cleanups.push(
        ...both.map(
          kind => () =>
            client.delete({ apiVersion: admission, kind, name }, {}, quiet),
        ),
      );
    }
    await poll('the namespace has its ServiceAccount', async () =>
      Boolean(
        await world.client.get(
          {
            apiVersion: 'v1',
            kind: 'ServiceAccount',
            name: 'default',
            namespace,
          },
          quiet,
        ),
      ),
    );
    for (const document of documents) {
      if (document.kind) {
        await create(document, namespace);
      }
    }
    return async () => {
      await Promise.all(cleanups.map(cleanup => cleanup()));
    };
  }

  async function look(namespace: string): Promise<Finding[]> {
    const list = async (apiVersion: string, kind: string, scoped = true) =>
      (
        await world.client.list(
          { apiVersion, kind },
          scoped ? { namespace } : {},
          quiet,
        )
      ).items;
    const pods = await list('v1', 'Pod');
    return explain(
      {
        pods,
        deployments: await list('apps/v1', 'Deployment'),
        replicaSets: await list('apps/v1', 'ReplicaSet'),
        services: await list('v1', 'Service'),
        allServices: true,
        endpointSlices: await list('discovery.k8s.io/v1', 'EndpointSlice'),
        routes: await list('gateway.networking.k8s.io/v1', 'HTTPRoute'),
        autoscalers: await list('autoscaling/v2', 'HorizontalPodAutoscaler'),
        budgets: await list('policy/v1', 'PodDisruptionBudget'),
      },
      {
        nowMs: Date.now(),
        events: await list('v1', 'Event'),
        nodes: await list('v1', 'Node', false),
        lastLines: await evidence().gather(pods, quiet),
      },
    );
  }

  const results = new Map<Case, Promise<Finding>>();
  const free = new Array<Promise<unknown>>(AT_ONCE).fill(Promise.resolve());

  /** All are made, few at a time, by whichever test comes first. */
  function resultOf(scenario: Case): Promise<Finding> {
    if (results.size === 0) {
      CASES.forEach((each, index) => {
        const lane = index % AT_ONCE;
        const result = free[lane].then(() => run(each, index));
        results.set(each, result);
        // The test of the case tells; the lane only has to be free again.
        free[lane] = result.catch(() => undefined);
      });
    }
    const result = results.get(scenario);
    if (!result) {
      throw new Error(`There is no case ${scenario.title}`);
    }
    return result;
  }

  async function run(scenario: Case, index: number): Promise<Finding> {
    const namespace = `${world.namespace}-${index}`;
    const clean = await make(scenario, namespace);
    let last: Finding[] = [];
    try {
      return await poll(
        scenario.code,
        async () => {
          last = await look(namespace);
          return last.find(
            ({ code, evidence: text = '' }) =>
              code === scenario.code && scenario.evidence.test(text),
          );
        },
        120_000,
      );
    } catch (error) {
      throw new Error(
        `${scenario.code} was not found; found was ${JSON.stringify(
          last,
          undefined,
          1,
        )}`,
        { cause: error },
      );
    } finally {
      await clean();
    }
  }

  it.each(
    CASES.map(scenario => [scenario.title, scenario.code, scenario] as const),
  )(
    'explains %s: %s',
    async (_title, code, scenario) => {
      const finding = await resultOf(scenario);
      expect(finding).toMatchObject({
        code,
        summary: expect.stringMatching(/\w/),
        evidence: expect.stringMatching(scenario.evidence),
        action: expect.stringMatching(scenario.action),
      });
      expect(finding.sinceMs).toBeGreaterThan(Date.now() - 600_000);
      expect(finding.sinceMs).toBeLessThanOrEqual(Date.now() + 5_000);
    },
    600_000,
  );
});
