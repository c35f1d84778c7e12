import { causeOfRefusal } from './admission';
import { HEALTH_CODES } from './codes';
import { causeOfInstance } from './instance';
import { KubeEvent, Node, Pod } from './objects';
import { causeOfAutoscaler, causeOfBudget } from './scaling';

/*
 * What cannot be made to happen on any cluster, from what real ones said. The
 * rest is in `explain.cluster.test.ts`.
 */

const nowMs = Date.parse('2026-11-24T12:00:00Z');
const at = '2026-11-24T11:59:00Z';

function pod(status: Pod['status'], rest: Partial<Pod> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'checkout-1', namespace: 'shop', uid: 'u1' },
    spec: {
      nodeName: 'node1',
      containers: [
        { name: 'app', image: 'registry.example.com/shop/denied:404' },
      ],
    },
    status,
    ...rest,
  };
}

const waiting = (reason: string, message: string) =>
  pod({
    containerStatuses: [
      { name: 'app', state: { waiting: { reason, message } } },
    ],
  });

function node(name: string, rest: Partial<Node> = {}): Node {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, ...rest };
}

function event(reason: string, message: string): KubeEvent {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', name: 'checkout-1', uid: 'u1' },
    reason,
    message,
    type: 'Warning',
    count: 3,
    firstTimestamp: at,
    lastTimestamp: at,
  };
}

const PULL =
  'failed to pull and unpack image "registry.example.com/shop/denied:404"';
const unscheduled = (message: string) =>
  pod(
    {
      conditions: [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'Unschedulable',
          message,
          lastTransitionTime: at,
        },
      ],
    },
    { spec: { containers: [] } },
  );
const creating = pod({
  containerStatuses: [
    { name: 'app', state: { waiting: { reason: 'ContainerCreating' } } },
  ],
});

describe('causes, from what real clusters said', () => {
  it.each([
    [
      'image-pull-auth',
      `${PULL}: failed to resolve reference: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`,
    ],
    [
      'image-pull-auth',
      `${PULL}: failed to authorize: failed to fetch oauth token: unexpected status from GET request: 401 Unauthorized`,
    ],
    [
      'image-pull-auth',
      `${PULL}: unexpected status from HEAD request: 403 Forbidden`,
    ],
    [
      'image-pull-rate-limit',
      `${PULL}: unexpected status code: 429 Too Many Requests - toomanyrequests: You have reached your unauthenticated pull rate limit`,
    ],
    [
      'image-pull-platform',
      `${PULL}: no match for platform in manifest: not found`,
    ],
    [
      'image-pull-not-found',
      `${PULL}: failed to resolve reference: registry.example.com/shop/denied:404: not found`,
    ],
    [
      'image-pull-unreachable',
      `${PULL}: dial tcp: lookup registry.example.com on 10.96.0.10:53: no such host`,
    ],
    [
      'image-pull-unreachable',
      `${PULL}: tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    ],
    ['image-pull', 'something that nobody has seen yet'],
  ])('an image that does not come: %s', (code, message) => {
    expect(
      causeOfInstance(waiting('ErrImagePull', message), { nowMs }),
    ).toMatchObject({
      code,
      evidence: message,
      action: expect.stringMatching(/\w/),
    });
    // While it backs off only the event says why.
    expect(
      causeOfInstance(
        waiting(
          'ImagePullBackOff',
          'Back-off pulling image "registry.example.com/shop/denied:404"',
        ),
        {
          nowMs,
          events: [event('Failed', `Failed to pull image: ${message}`)],
        },
      ),
    ).toMatchObject({ code, sinceMs: Date.parse(at) });
  });

  it.each([
    [
      'unschedulable-taints',
      '0/3 nodes are available: 2 node(s) had untolerated taint(s), 1 Insufficient cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
    ],
    [
      'unschedulable-resources',
      '0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient memory. no new claims to deallocate',
    ],
    [
      'unschedulable-placement',
      "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.",
    ],
    [
      'unschedulable-ports',
      "0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports.",
    ],
    ['unschedulable', '0/2 nodes are available: 2 cannot be told apart.'],
  ])('a pod without a node: %s', (code, message) => {
    const cause = causeOfInstance(unscheduled(message), {
      nowMs,
      nodes: [
        node('node1', { spec: { unschedulable: true } }),
        node('node2', {
          spec: {
            taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }],
          },
        }),
      ],
    });
    expect(cause).toMatchObject({ code, sinceMs: Date.parse(at) });
    expect(cause?.evidence).toMatch(
      /node1: cordoned\nnode2: taint gpu=yes:NoSchedule/,
    );
  });

  it.each([
    [
      'sandbox-failed',
      'FailedCreatePodSandBox',
      'plugin type="calico" failed (add): error getting ClusterInformation: connection is unauthorized',
    ],
    [
      'volume-attach-failed',
      'FailedAttachVolume',
      'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node',
    ],
    [
      'volume-mount-failed',
      'FailedMount',
      'MountVolume.MountDevice failed for volume "pvc-1" : rpc error: code = Internal',
    ],
  ])('a pod that is not prepared: %s', (code, reason, message) => {
    expect(
      causeOfInstance(creating, { nowMs, events: [event(reason, message)] }),
    ).toMatchObject({ code, evidence: message });
  });

  it('a node that is gone, or does not answer; nothing where nodes are not known', () => {
    const ready = pod({ conditions: [{ type: 'Ready', status: 'True' }] });
    expect(
      causeOfInstance(ready, { nowMs, nodes: [node('node2')] })?.code,
    ).toBe('node-gone');
    const away = node('node1', {
      status: {
        conditions: [
          {
            type: 'Ready',
            status: 'Unknown',
            message: 'Kubelet stopped posting node status.',
            lastTransitionTime: at,
          },
        ],
      },
    });
    expect(causeOfInstance(ready, { nowMs, nodes: [away] })).toMatchObject({
      code: 'node-not-ready',
      evidence: 'Kubelet stopped posting node status.',
    });
    expect(causeOfInstance(ready, { nowMs })).toBeUndefined();
  });

  it('a pod that its node had to evict', () => {
    const evicted = pod({
      phase: 'Failed',
      reason: 'Evicted',
      message:
        'The node was low on resource: memory. Threshold quantity: 100Mi',
    });
    expect(causeOfInstance(evicted, { nowMs })).toMatchObject({
      code: 'evicted',
      evidence: expect.stringContaining('low on resource'),
    });
  });

  it.each([
    [
      'webhook-failing',
      'Internal error occurred: failed calling webhook "validate.kyverno.svc": failed to call webhook: Post "https://kyverno.svc:443/validate?timeout=10s": context deadline exceeded',
      /validate\.kyverno\.svc/,
    ],
    [
      'admission-denied',
      'admission webhook "validation.gatekeeper.sh" denied the request: [labels] you must provide labels: {"team"}',
      /gatekeeper/,
    ],
    [
      'quota-exceeded',
      'pods "x" is forbidden: failed quota: compute: must specify limits.cpu for: app',
      /limits\.cpu for: app/,
    ],
    ['pod-refused', 'Pod "x" is invalid: spec.hostname: Invalid value', /./],
  ])('a pod that may not be made: %s', (code, message, says) => {
    const cause = causeOfRefusal(message, 1);
    expect(cause).toMatchObject({ code, evidence: message, sinceMs: 1 });
    expect(`${cause.summary} ${cause.action}`).toMatch(says);
  });

  it('an autoscaler at its maximum, and a budget that holds up a drained node', () => {
    expect(
      causeOfAutoscaler(
        {
          apiVersion: 'autoscaling/v2',
          kind: 'HorizontalPodAutoscaler',
          metadata: { name: 'checkout' },
          spec: { maxReplicas: 4 },
          status: {
            conditions: [
              { type: 'AbleToScale', status: 'True' },
              { type: 'ScalingActive', status: 'True' },
              {
                type: 'ScalingLimited',
                status: 'True',
                reason: 'TooManyReplicas',
                message:
                  'the desired replica count is more than the maximum replica count',
              },
            ],
          },
        },
        nowMs,
      ),
    ).toMatchObject({
      code: 'autoscaler-at-maximum',
      summary: expect.stringContaining('4'),
    });
    const covered = pod(
      {},
      { metadata: { name: 'checkout-1', labels: { app: 'checkout' } } },
    );
    expect(
      causeOfBudget(
        {
          apiVersion: 'policy/v1',
          kind: 'PodDisruptionBudget',
          metadata: { name: 'checkout' },
          spec: { selector: { matchLabels: { app: 'checkout' } } },
          status: {
            disruptionsAllowed: 0,
            currentHealthy: 1,
            desiredHealthy: 2,
            expectedPods: 3,
          },
        },
        [covered],
        [node('node1', { spec: { unschedulable: true } })],
        nowMs,
      ),
    ).toMatchObject({
      code: 'disruption-blocked',
      summary: expect.stringContaining('node1'),
    });
  });

  it('names each code once', () => {
    expect(new Set(HEALTH_CODES).size).toBe(HEALTH_CODES.length);
  });
});
