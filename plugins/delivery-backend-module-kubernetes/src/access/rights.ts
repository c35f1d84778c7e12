/*
 * What the module asks of a cluster, and what for. The manifests are written
 * from this, and the check holds a cluster against it, so that both always say
 * the same.
 */

/** Rights on resources of one API group. */
export interface Right {
  /** `''` is the core group. */
  group: string;
  /** `pods`, or `pods/log`. */
  resource: string;
  verbs: string[];
  /** What cannot be done without. */
  reason: string;
  /** Only for some services, or only to explain: less works without it. */
  optional?: true;
}

/** A kind that must be served, and what for. */
export interface NeededKind {
  apiVersion: string;
  kind: string;
  reason: string;
  optional?: true;
  /** How it gets there, where Kubernetes itself does not bring it. */
  install?: string;
}

/** The first version that refuses unknown fields, and says who one is. */
export const OLDEST_VERSION = { major: 1, minor: 28 };

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'patch', 'delete'];
const GATEWAY = 'gateway.networking.k8s.io';

const live = 'to show what runs, and why it does not';
const routed = 'to give generations their share of the traffic by routes';
const ifNamed = 'for services whose manifests hold one';

/** Read by one watch for each kind, of the whole cluster. */
export const WATCHED_RIGHTS: Right[] = [
  { group: '', resource: 'pods', verbs: READ, reason: live },
  { group: 'apps', resource: 'deployments', verbs: READ, reason: live },
  { group: 'apps', resource: 'replicasets', verbs: READ, reason: live },
  { group: '', resource: 'services', verbs: READ, reason: live },
  {
    group: '',
    resource: 'events',
    verbs: READ,
    reason: 'to say what the cluster says about pods',
    optional: true,
  },
  {
    group: 'discovery.k8s.io',
    resource: 'endpointslices',
    verbs: READ,
    reason: 'to say which pods a Service sends to',
    optional: true,
  },
  {
    group: 'autoscaling',
    resource: 'horizontalpodautoscalers',
    verbs: READ,
    reason: 'to say how far pods are scaled, and why not further',
    optional: true,
  },
  {
    group: 'policy',
    resource: 'poddisruptionbudgets',
    verbs: READ,
    reason: 'to say what keeps pods from being moved',
    optional: true,
  },
  {
    group: GATEWAY,
    resource: 'httproutes',
    verbs: READ,
    reason: routed,
    optional: true,
  },
  {
    group: GATEWAY,
    resource: 'grpcroutes',
    verbs: READ,
    reason: routed,
    optional: true,
  },
];

/** Of the cluster itself. */
export const CLUSTER_RIGHTS: Right[] = [
  {
    group: '',
    resource: 'nodes',
    verbs: READ,
    reason: 'to say why pods find no node, or lost theirs',
    optional: true,
  },
  {
    group: GATEWAY,
    resource: 'gatewayclasses',
    verbs: ['list'],
    reason: 'to know whether gateways can copy a share of the requests',
    optional: true,
  },
  ...[
    'mutatingwebhookconfigurations',
    'mutatingadmissionpolicies',
    'mutatingadmissionpolicybindings',
  ].map(resource => ({
    group: 'admissionregistration.k8s.io',
    resource,
    verbs: ['list'],
    reason: 'to name what changes objects on their way in',
    optional: true as const,
  })),
];

/** In the namespaces that are deployed to, and nowhere else. */
export const NAMESPACE_RIGHTS: Right[] = [
  {
    group: '',
    resource: 'namespaces',
    verbs: ['get'],
    reason: 'to say that a namespace is not there, or is being deleted',
    optional: true,
  },
  {
    group: 'apps',
    resource: 'deployments',
    verbs: WRITE,
    reason: 'to bring up, scale and remove generations',
  },
  {
    group: '',
    resource: 'services',
    verbs: WRITE,
    reason: 'to send traffic to generations',
  },
  {
    group: '',
    resource: 'configmaps',
    verbs: ['get', 'list', ...WRITE],
    reason: 'to version configuration, and to note what a target has',
  },
  {
    group: '',
    resource: 'pods/log',
    verbs: ['get'],
    reason: 'to show logs, and the last lines of what crashed',
  },
  {
    group: '',
    resource: 'pods',
    verbs: ['delete'],
    reason: 'for the verb of a person that deletes a pod',
    optional: true,
  },
  {
    group: GATEWAY,
    resource: 'httproutes',
    verbs: WRITE,
    reason: routed,
    optional: true,
  },
  {
    group: GATEWAY,
    resource: 'grpcroutes',
    verbs: WRITE,
    reason: routed,
    optional: true,
  },
  {
    group: 'autoscaling',
    resource: 'horizontalpodautoscalers',
    verbs: WRITE,
    reason: ifNamed,
    optional: true,
  },
  {
    group: 'policy',
    resource: 'poddisruptionbudgets',
    verbs: WRITE,
    reason: ifNamed,
    optional: true,
  },
  ...[
    ['', 'serviceaccounts'],
    ['', 'persistentvolumeclaims'],
    ['batch', 'cronjobs'],
    ['batch', 'jobs'],
    ['networking.k8s.io', 'ingresses'],
    ['networking.k8s.io', 'networkpolicies'],
  ].map(
    ([group, resource]): Right => ({
      group,
      resource,
      verbs: ['get', 'list', ...WRITE],
      reason: ifNamed,
      optional: true,
    }),
  ),
];

const GATEWAY_INSTALL =
  'kubectl apply -f https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.4.0/standard-install.yaml\n# and a controller that serves a GatewayClass: https://gateway-api.sigs.k8s.io/implementations/';

export const NEEDED_KINDS: NeededKind[] = [
  { apiVersion: 'apps/v1', kind: 'Deployment', reason: live },
  {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    reason: ifNamed,
    optional: true,
  },
  {
    apiVersion: `${GATEWAY}/v1`,
    kind: 'HTTPRoute',
    reason: `${routed}; without it shares are the ratio of pods`,
    optional: true,
    install: GATEWAY_INSTALL,
  },
  {
    apiVersion: `${GATEWAY}/v1`,
    kind: 'GRPCRoute',
    reason: `${routed}; without it shares are the ratio of pods`,
    optional: true,
    install: GATEWAY_INSTALL,
  },
];
