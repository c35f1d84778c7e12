import { KubeObject } from '../client';
import { Pod, PodOwner, Route, Service } from '../health';
import {
  GENERATION_LABEL,
  REPLICAS_ANNOTATION,
  ROLE_LABEL,
  SCALED_ANNOTATION,
} from '../names';
import { KindStatus } from './clusterWatch';
import { createCauseMemory, targetCauses } from './targetCauses';
import { TargetObjects } from './targetObjects';
import { wantedOf } from './wanted';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const LONG_AGO = '2026-11-01T00:00:00Z';

function object<T extends KubeObject>(
  kind: string,
  name: string,
  rest: Partial<T> & { labels?: Record<string, string> } = {},
): T {
  const { labels, ...fields } = rest;
  return {
    apiVersion: 'v1',
    kind,
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      creationTimestamp: LONG_AGO,
      labels,
    },
    ...fields,
  } as T;
}

const deployment = (generation: string, replicas: number) =>
  object<PodOwner>('Deployment', `checkout-${generation}`, {
    labels: { [GENERATION_LABEL]: generation },
    spec: {
      replicas,
      selector: { matchLabels: { [GENERATION_LABEL]: generation } },
    },
  });

const service = (
  name: string,
  role: string,
  selector: Record<string, string>,
  port = 8080,
) =>
  object<Service>('Service', name, {
    labels: { [ROLE_LABEL]: role },
    spec: { selector, ports: [{ port: 80, targetPort: port }] },
  });

const pod = (name: string, labels: Record<string, string>) =>
  object<Pod>('Pod', name, {
    labels,
    spec: { containers: [{ name: 'app', ports: [{ containerPort: 8080 }] }] },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [
        { name: 'app', ready: true, state: { running: {} }, restartCount: 0 },
      ],
    },
  });

function objects(part: Partial<TargetObjects>): TargetObjects {
  return {
    pods: [],
    deployments: [],
    replicaSets: [],
    services: [],
    endpointSlices: [],
    autoscalers: [],
    budgets: [],
    routes: [],
    events: [],
    ...part,
  };
}

function causes(
  part: Partial<TargetObjects>,
  options: { adoptedPods?: Pod[]; watches?: KindStatus[] } = {},
) {
  return targetCauses(objects(part), {
    adoptedPods: [],
    instances: [],
    watches: [],
    namespace: 'shop',
    context: { nowMs: NOW },
    ...options,
  });
}

describe('what is wrong with a target beside its instances', () => {
  const G1 = { app: 'checkout', [GENERATION_LABEL]: 'g1' };

  it('names what it is about, how bad it is, and what to do', () => {
    expect(
      causes({
        deployments: [deployment('g1', 1)],
        pods: [pod('one', G1)],
        services: [
          service('checkout', 'main-service', { app: 'chekout' }),
          service('other', 'shared', { app: 'checkout' }, 9090),
        ],
        routes: [
          object<Route>('HTTPRoute', 'checkout', {
            spec: { parentRefs: [{ name: 'web' }] },
            status: {
              parents: [
                {
                  parentRef: { name: 'web' },
                  conditions: [
                    {
                      type: 'Accepted',
                      status: 'False',
                      reason: 'NotAllowedByListeners',
                      message: 'no',
                      lastTransitionTime: LONG_AGO,
                    },
                  ],
                },
              ],
            },
          }),
        ],
      }).map(({ code, level, about, action }) => [
        code,
        level,
        about,
        typeof action,
      ]),
    ).toEqual([
      ['service-selects-nothing', 'error', 'Service/checkout', 'string'],
      ['route-not-accepted', 'error', 'HTTPRoute/checkout', 'string'],
      ['service-port-mismatch', 'warning', 'Service/other', 'string'],
    ]);
  });

  it.each([
    [
      'a copy for a generation that is on its way out',
      {
        deployments: [deployment('g1', 1), deployment('g0', 0)],
        pods: [pod('one', G1)],
        services: [
          service('checkout-g0', 'generation-service', {
            [GENERATION_LABEL]: 'g0',
          }),
        ],
      },
    ],
    [
      'a Service that nobody has a share of yet',
      {
        deployments: [deployment('g1', 1)],
        services: [
          service('checkout', 'main-service', { [GENERATION_LABEL]: 'none' }),
        ],
      },
    ],
    [
      'a Service where nothing is to run',
      {
        deployments: [deployment('g1', 0)],
        services: [service('checkout', 'main-service', { app: 'checkout' })],
      },
    ],
  ])('is not %s', (_, part) => {
    expect(causes(part)).toEqual([]);
  });

  it('knows the pods of a Deployment that was there before us', () => {
    const part = {
      deployments: [deployment('adopted-1', 1)],
      services: [service('checkout', 'main-service', { app: 'checkout' })],
    };
    expect(causes(part)).toHaveLength(1);
    expect(
      causes(part, { adoptedPods: [pod('plain', { app: 'checkout' })] }),
    ).toEqual([]);
  });

  it('says of what is not seen that it is not known', () => {
    const watches: KindStatus[] = [
      {
        apiVersion: 'v1',
        kind: 'Service',
        objects: 0,
        status: { state: 'lost', reason: 'forbidden', sinceMs: NOW - 1 },
      },
      {
        apiVersion: 'v1',
        kind: 'HTTPRoute',
        objects: 0,
        status: { state: 'absent', sinceMs: NOW },
      },
    ];
    expect(causes({}, { watches })).toMatchObject([
      {
        code: 'not-watched',
        level: 'warning',
        summary: expect.stringMatching(/a Service here is not known/),
        evidence: 'forbidden',
      },
    ]);
  });

  it('is told once it has lasted, with the time when it began', () => {
    const memory = createCauseMemory();
    const cause = {
      code: 'service-not-ready',
      summary: 'none is ready',
      about: 'Service/checkout',
    };
    const at = (ms: number) =>
      memory.settle('label', [{ ...cause, sinceMs: NOW + ms }], NOW + ms);
    expect(at(0)).toEqual({ causes: [], again: true });
    expect(at(4_000).causes).toEqual([]);
    expect(at(5_000)).toMatchObject({
      causes: [{ sinceMs: NOW }],
      again: false,
    });
    memory.settle('label', [], NOW + 6_000);
    expect(at(7_000).causes).toEqual([]);
  });
});

describe('how many instances are wanted', () => {
  it.each([
    ['the Plan says so', '3/3', 3, undefined, {}],
    ['a person scaled it', '3/5', 5, undefined, { wanted: { g1: 5 } }],
    ['an autoscaler has it', '3/3', 7, 'HPA/x', { wanted: { g1: 7 } }],
    // Somebody else's number is no wish of ours: it is what is wrong.
    ['others scaled it', '3/3', 1, undefined, {}],
  ])('when %s', (_, scale, replicas, scaler, expected) => {
    const of = deployment('g1', replicas);
    of.metadata.annotations = {
      [REPLICAS_ANNOTATION]: scale,
      ...(scaler && { [SCALED_ANNOTATION]: scaler }),
    };
    expect(wantedOf({ deployments: [of] })).toEqual(expected);
  });
});
