/*
 * Real services for the tests, as small as they can be. Each answers with the
 * version it was made with.
 */

export interface ServiceBehaviour {
  version: string;
  /** JavaScript expressions and statements that are put into the service. */
  ready?: string;
  respond?: string;
  onStart?: string;
  onTerm?: string;
}

export function serviceSource(behaviour: ServiceBehaviour): string {
  const {
    version,
    ready = 'true',
    respond = 'response.end(JSON.stringify({ version, pid: process.pid, env: process.env }))',
    onStart = '',
    onTerm = 'server.close(() => process.exit(0)); server.closeIdleConnections();',
  } = behaviour;
  return `
const http = require('node:http');
const version = ${JSON.stringify(version)};
const server = http.createServer(async (request, response) => {
  if (request.url === '/live') return response.end('alive');
  if (request.url === '/ready') {
    const ready = ${ready};
    response.writeHead(ready ? 200 : 503);
    return response.end(ready ? 'ready' : 'the cellar is locked');
  }
  ${respond};
});
server.listen(Number(process.env.PORT), () => {
  console.log('version ' + version + ' listens');
  ${onStart};
});
process.on('SIGTERM', () => { console.log('asked to stop'); ${onTerm} });
`;
}

/** Manifests for it, as a commit has them. */
export function manifestText(
  options: {
    replicas?: number;
    graceSeconds?: number;
    env?: string;
    livenessProbe?: string;
  } = {},
): string {
  const { replicas = 1, graceSeconds = 5, env = '', livenessProbe } = options;
  return `
apiVersion: v1
kind: ConfigMap
metadata: { name: shop }
data: { SHOP_NAME: The little tea shop }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: shop } }
  template:
    metadata: { labels: { app: shop } }
    spec:
      terminationGracePeriodSeconds: ${graceSeconds}
      containers:
        - name: shop
          image: app
          ports: [{ name: http, containerPort: 8080 }]
          envFrom: [{ configMapRef: { name: shop } }]
          env: [${env}]
          readinessProbe:
            httpGet: { path: /ready, port: http }
            periodSeconds: 1
          ${livenessProbe ? `livenessProbe: ${livenessProbe}` : ''}
          resources: { limits: { memory: 128Mi } }
---
apiVersion: v1
kind: Service
metadata: { name: shop }
spec:
  selector: { app: shop }
  ports: [{ name: http, port: 80, targetPort: http }]
`;
}
