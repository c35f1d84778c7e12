import { PlanObject } from '@slipway/backstage-plugin-delivery-node';
import { parseAllDocuments } from 'yaml';
import { manifestText } from './__testUtils__/services';
import { readLocalPlan } from './manifests';

const IMAGES = { app: `127.0.0.1:5000/shop@sha256:${'a'.repeat(64)}` };

function objects(text: string): PlanObject[] {
  const documents = parseAllDocuments(text);
  return (Array.isArray(documents) ? documents : []).map(document => {
    const { apiVersion, kind, metadata } = document.toJS();
    return {
      id: `${apiVersion}/${kind}/${metadata.name}`,
      mediaType: 'application/yaml',
      bytes: Buffer.from(document.toString({ directives: false })),
    };
  });
}

function read(text: string) {
  return readLocalPlan('plan', objects(text), IMAGES);
}

function deployment(podSpec: string): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec: { template: { spec: ${podSpec} } }
`;
}

describe('Kubernetes manifests in the local environment', () => {
  it('reads what it can run', () => {
    const { spec, replicas } = read(
      manifestText({
        replicas: 3,
        graceSeconds: 7,
        env: '{ name: NAME, value: tea }, { name: SHOP, valueFrom: { configMapKeyRef: { name: shop, key: SHOP_NAME } } }, { name: N, value: 5 }',
        livenessProbe: '{ tcpSocket: { port: 8080 }, periodSeconds: 3 }',
      }),
    );
    expect(replicas).toBe(3);
    expect(spec).toEqual({
      name: 'shop',
      planId: 'plan',
      image: { name: 'app', reference: IMAGES.app },
      env: [
        { name: 'SHOP_NAME', value: 'The little tea shop' },
        { name: 'NAME', value: 'tea' },
        { name: 'SHOP', value: 'The little tea shop' },
        { name: 'N', value: '5' },
      ],
      listens: true,
      probes: {
        readiness: {
          kind: 'http',
          path: '/ready',
          headers: {},
          initialDelayMs: 0,
          periodMs: 1_000,
          timeoutMs: 1_000,
          successThreshold: 1,
          failureThreshold: 3,
        },
        liveness: expect.objectContaining({ kind: 'tcp', periodMs: 3_000 }),
      },
      terminationGraceMs: 7_000,
    });
  });

  it('names everything it ignores by its exact path', () => {
    const { ignored } = read(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  strategy: { type: Recreate }
  template:
    spec:
      nodeSelector: { disk: fast }
      initContainers: [{ name: migrate, image: app }]
      containers:
        - name: shop
          image: app
          resources: { limits: { memory: 1Gi } }
          ports: [{ containerPort: 8080, hostPort: 80 }]
          env: [{ name: CPU, valueFrom: { resourceFieldRef: { resource: limits.cpu } } }]
          envFrom: [{ secretRef: { name: till } }]
          livenessProbe: { exec: { command: [ls] } }
          readinessProbe: { httpGet: { path: /, port: 9090 } }
        - { name: proxy, image: other/proxy:1 }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: shop }
spec: { maxReplicas: 5 }
`);
    const at = 'apps/v1/Deployment/shop: spec.template.spec';
    expect(ignored.sort()).toEqual(
      [
        'apps/v1/Deployment/shop: spec.strategy',
        `${at}.nodeSelector`,
        `${at}.initContainers`,
        `${at}.containers[0].resources`,
        `${at}.containers[0].ports[0].hostPort`,
        `${at}.containers[0].env[0].valueFrom.resourceFieldRef`,
        `${at}.containers[0].envFrom[0].secretRef`,
        `${at}.containers[0].livenessProbe.exec`,
        `${at}.containers[0].livenessProbe (only httpGet and tcpSocket on the service's own port are asked locally)`,
        `${at}.containers[0].readinessProbe (only httpGet and tcpSocket on the service's own port are asked locally)`,
        `${at}.containers[1] (container "proxy")`,
        'autoscaling/v2/HorizontalPodAutoscaler/shop: the local environment has no HorizontalPodAutoscaler',
      ].sort(),
    );
  });

  it.each([
    [
      'no Deployment',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }',
      /no Deployment.*v1\/ConfigMap\/a/,
    ],
    [
      'two Deployments',
      `${deployment('{ containers: [{ image: app }] }')}---${deployment(
        '{ containers: [{ image: app }] }',
      ).replace('shop', 'other')}`,
      /2 Deployments.*exactly one/,
    ],
    [
      'an image of nobody',
      deployment('{ containers: [{ image: web }] }'),
      /none|no container's image.*\(app\).*"web"/,
    ],
    [
      'two containers of ours',
      deployment('{ containers: [{ image: app }, { image: app }] }'),
      /2 containers/,
    ],
    ['no containers', deployment('{ containers: [] }'), /containers/],
    [
      'a missing ConfigMap',
      deployment(
        '{ containers: [{ image: app, envFrom: [{ configMapRef: { name: gone } }] }] }',
      ),
      /ConfigMap "gone"/,
    ],
    [
      'a missing key',
      `${deployment(
        '{ containers: [{ image: app, env: [{ name: A, valueFrom: { configMapKeyRef: { name: c, key: gone } } }] }] }',
      )}---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\n`,
      /key "gone"/,
    ],
    [
      'too many replicas',
      deployment('{ containers: [{ image: app }] }').replace(
        'spec: {',
        'spec: { replicas: 1000,',
      ),
      /replicas/,
    ],
    [
      'a Service to nowhere',
      `${deployment(
        '{ containers: [{ image: app }] }',
      )}---\napiVersion: v1\nkind: Service\nmetadata: { name: shop }\nspec: { ports: [{ port: 80, targetPort: web }] }\n`,
      /port "web"/,
    ],
  ])('refuses %s and says what it found', (_what, text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});
