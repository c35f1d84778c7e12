/** What the manifests of a test service say; all of it as a commit would. */
export interface TestManifestOptions {
  /** Of the Deployment, the Service, the ConfigMap and the route. */
  name: string;
  replicas?: number;
  /** An HTTPRoute for this host name, attached to the Gateway. */
  route?: { hostname: string; gateway: { name: string; namespace: string } };
  /** Content of the ConfigMap, which the container gets as environment. */
  config?: Record<string, string>;
  /** Memory limit. Default `128Mi`. */
  memory?: string;
  /** `RollingUpdate` with these, else the cluster's default. */
  rolling?: { maxSurge: number | string; maxUnavailable: number | string };
  progressDeadlineSeconds?: number;
  /** A HorizontalPodAutoscaler, and no `spec.replicas`. */
  autoscale?: { min: number; max: number; cpuPercent?: number };
  /** A PodDisruptionBudget. */
  minAvailable?: number;
  /** Further fields of the pod's `spec`. */
  podSpec?: Record<string, unknown>;
  /** More documents of YAML, after a `---`. */
  extra?: string;
}

/** The manifests as one YAML text; the image's name is `app`. */
export function testManifests(options: TestManifestOptions): string {
  const { name, replicas = 1, config = { GREETING: 'hello' } } = options;
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { app: name } },
    spec: {
      ...(!options.autoscale && { replicas }),
      ...(options.progressDeadlineSeconds && {
        progressDeadlineSeconds: options.progressDeadlineSeconds,
      }),
      selector: { matchLabels: { app: name } },
      ...(options.rolling && {
        strategy: { type: 'RollingUpdate', rollingUpdate: options.rolling },
      }),
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 10,
          automountServiceAccountToken: false,
          ...options.podSpec,
          containers: [
            {
              name: 'app',
              image: 'app',
              ports: [{ name: 'http', containerPort: 8080 }],
              envFrom: [{ configMapRef: { name } }],
              readinessProbe: {
                httpGet: { path: '/ready', port: 'http' },
                periodSeconds: 1,
              },
              securityContext: {
                runAsNonRoot: true,
                allowPrivilegeEscalation: false,
                capabilities: { drop: ['ALL'] },
                seccompProfile: { type: 'RuntimeDefault' },
              },
              resources: {
                requests: { cpu: '10m', memory: '32Mi' },
                limits: { memory: options.memory ?? '128Mi' },
              },
            },
          ],
        },
      },
    },
  };
  const documents: object[] = [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name },
      data: config,
    },
    deployment,
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: {
        selector: { app: name },
        ports: [{ name: 'http', port: 80, targetPort: 'http' }],
      },
    },
  ];
  if (options.route) {
    const { hostname, gateway } = options.route;
    documents.push({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name },
      spec: {
        parentRefs: [gateway],
        hostnames: [hostname],
        rules: [{ backendRefs: [{ name, port: 80 }] }],
      },
    });
  }
  if (options.autoscale) {
    const { min, max, cpuPercent = 80 } = options.autoscale;
    documents.push({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        minReplicas: min,
        maxReplicas: max,
        metrics: [
          {
            type: 'Resource',
            resource: {
              name: 'cpu',
              target: { type: 'Utilization', averageUtilization: cpuPercent },
            },
          },
        ],
      },
    });
  }
  if (options.minAvailable !== undefined) {
    documents.push({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name },
      spec: {
        minAvailable: options.minAvailable,
        selector: { matchLabels: { app: name } },
      },
    });
  }
  // JSON is YAML: no writer of YAML is needed.
  const text = documents.map(document =>
    JSON.stringify(document, undefined, 2),
  );
  return [...text, ...(options.extra ? [options.extra] : [])].join('\n---\n');
}
