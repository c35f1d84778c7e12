import { spawn } from 'node:child_process';
import { createServer, IncomingMessage, Server } from 'node:http';
import { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { Deployment, Release } from '@slipway/backstage-plugin-delivery-common';
import { run } from './run';

jest.setTimeout(120_000);

const CHECKOUT = 'component:default/checkout';
const SERVICE = '/api/delivery/v1/services/component/default/checkout';

function release(part: Partial<Release> = {}): Release {
  return {
    id: 'r1',
    service: CHECKOUT,
    commit: {
      sha: 'abcdef1234567890',
      message: 'm',
      author: 'a',
      committedAtMs: 1,
    },
    version: 'v1.2.0',
    status: 'ready',
    stages: [],
    images: [],
    createdBy: { type: 'machine', ref: 'external:ci' },
    createdAtMs: 1,
    rowVersion: 1,
    ...part,
  };
}

function deployment(part: Partial<Deployment> = {}): Deployment {
  return {
    id: 'd1',
    service: CHECKOUT,
    environment: 'production',
    releaseId: 'r1',
    releaseVersion: 'v1.2.0',
    commitSha: 'abcdef1234567890',
    kind: 'deploy',
    status: 'succeeded',
    cause: 'manual',
    createdBy: { type: 'machine', ref: 'external:ci' },
    createdAtMs: 1,
    deadlineMs: 2,
    rowVersion: 1,
    ...part,
  };
}

type Answer = { status?: number; body: unknown };

describe('slipway', () => {
  let server: Server;
  let url: string;
  let requests: Array<{
    call: string;
    body?: { idempotencyKey?: string };
    authorization?: string;
  }>;
  /** Answers by "METHOD /path"; the last one stays. */
  let answers: Record<string, Answer[]>;

  beforeEach(async () => {
    requests = [];
    answers = {};
    server = createServer((req: IncomingMessage, res) => {
      let text = '';
      req.on('data', chunk => {
        text += chunk;
      });
      req.on('end', () => {
        const call = `${req.method} ${req.url?.split('?')[0]}`;
        requests.push({
          call,
          body: text ? JSON.parse(text) : undefined,
          authorization: req.headers.authorization,
        });
        const queue = answers[call] ?? [
          {
            status: 404,
            body: { error: { name: 'NotFoundError', message: `no ${call}` } },
          },
        ];
        const { status = 200, body } =
          queue.length > 1 ? queue.splice(0, 1)[0] : queue[0];
        res.writeHead(status, { 'Content-Type': 'application/json' });
        res.end(JSON.stringify(body));
      });
    });
    await new Promise<void>(done => {
      server.listen(0, '127.0.0.1', done);
    });
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise(done => {
      server.close(done);
    });
  });

  async function slipway(...argv: string[]) {
    let out = '';
    let err = '';
    const code = await run(argv, {
      env: { SLIPWAY_URL: `${url}/`, SLIPWAY_TOKEN: 'secret' },
      out: text => {
        out += text;
      },
      err: text => {
        err += text;
      },
      pollMs: 5,
    });
    return { code, out, err };
  }

  const error = (status: number, name: string, message: string): Answer => ({
    status,
    body: { error: { name, message }, response: { statusCode: status } },
  });

  it('releases, waits, finds the automatic deployment, and says that it succeeded', async () => {
    answers = {
      [`POST ${SERVICE}/releases`]: [{ body: release({ status: 'queued' }) }],
      'GET /api/delivery/v1/releases/r1': [
        {
          body: {
            release: release({
              status: 'running',
              stages: [{ stage: 'build', status: 'running', attempt: 1 }],
            }),
          },
        },
        error(502, 'Error', 'restarting'),
        { body: { release: release() } },
      ],
      'GET /api/delivery/v1/deployments': [{ body: { items: [deployment()] } }],
      'GET /api/delivery/v1/deployments/d1': [
        {
          body: {
            deployment: deployment({
              status: 'gated',
              waitingFor: [
                {
                  gate: 'after',
                  open: false,
                  message: 'staging is healthy for 2 s of 10 s',
                },
              ],
            }),
          },
        },
        { body: { deployment: deployment() } },
      ],
    };
    const { code, out, err } = await slipway(
      'release',
      'main',
      '--service',
      'checkout',
      '--environment',
      'production',
      '--wait',
      '--reason',
      'the fix',
    );
    expect(err).toContain('is running (build)');
    expect(err).toContain('Trying again');
    expect(err).toContain('waits: staging is healthy for 2 s of 10 s');
    expect(out).toBe('Deployment of v1.2.0 to production [d1] is succeeded\n');
    expect(code).toBe(0);
    expect(requests[0]).toMatchObject({
      authorization: 'Bearer secret',
      body: {
        commit: 'main',
        reason: 'the fix',
        idempotencyKey: expect.any(String),
      },
    });
    expect(requests.map(({ call }) => call)).not.toContain(
      'POST /api/delivery/v1/deployments',
    );
  });

  it('asks for the deployment when the release starts none on its own', async () => {
    answers = {
      [`POST ${SERVICE}/releases`]: [{ body: release() }],
      'GET /api/delivery/v1/releases/r1': [{ body: { release: release() } }],
      'GET /api/delivery/v1/deployments': [{ body: { items: [] } }],
      'POST /api/delivery/v1/deployments': [
        error(503, 'Error', 'busy'),
        { status: 201, body: deployment({ status: 'queued' }) },
      ],
    };
    const { code } = await slipway(
      ...['release', 'main', '-s', 'checkout', '-e', 'production'],
    );
    expect(code).toBe(0);
    const posts = requests.filter(
      ({ call }) => call === 'POST /api/delivery/v1/deployments',
    );
    expect(posts).toHaveLength(2);
    expect(posts[1].body?.idempotencyKey).toBe(posts[0].body?.idempotencyKey);
  });

  it('sends the same key again when the answer was lost', async () => {
    answers = {
      [`POST ${SERVICE}/releases`]: [
        error(504, 'Error', 'gateway'),
        { body: release({ status: 'queued' }) },
      ],
    };
    expect((await slipway('release', 'main', '-s', 'checkout')).code).toBe(0);
    const keys = requests.map(({ body }) => body?.idempotencyKey);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });

  it.each([
    [1, 'blocked', 'openssl 1.0 has a critical advisory'],
    [1, 'failed', 'deploy.yaml line 3'],
    [2, 'errored', 'the registry does not answer'],
    [1, 'cancelled', 'no longer wanted'],
  ] as const)(
    'exits with %d when the release is %s, and says why',
    async (expected, status, message) => {
      answers = {
        [`POST ${SERVICE}/releases`]: [{ body: release({ status: 'queued' }) }],
        'GET /api/delivery/v1/releases/r1': [
          {
            body: {
              release: release({ status, reason: { code: 'x', message } }),
            },
          },
        ],
      };
      const { code, out } = await slipway(
        ...['release', 'main', '--service', 'checkout', '--wait'],
      );
      expect(out).toContain(`is ${status}: ${message}`);
      expect(code).toBe(expected);
    },
  );

  it.each([
    [1, 'rolled-back'],
    [1, 'aborted'],
    [2, 'errored'],
  ] as const)(
    'wait exits with %d for %s, and says why',
    async (expected, status) => {
      answers = {
        'GET /api/delivery/v1/deployments/d1': [
          {
            body: {
              deployment: {
                ...deployment({ status }),
                reason: {
                  code: 'metric-failed',
                  message: '6.1 % of canary requests failed (limit 1 %)',
                },
              },
            },
          },
        ],
      };
      const { code, out } = await slipway('wait', 'd1');
      expect(out).toContain('6.1 % of canary requests failed (limit 1 %)');
      expect(code).toBe(expected);
    },
  );

  it('stops waiting at the timeout, and says that the work goes on', async () => {
    answers = {
      'GET /api/delivery/v1/deployments/d1': [
        { body: { deployment: deployment({ status: 'progressing' }) } },
      ],
    };
    const { code, err } = await slipway('wait', 'd1', '--timeout', '0s');
    expect(err).toContain('it goes on without us');
    expect(code).toBe(5);
  });

  it('tells denied, unknown and refused apart', async () => {
    const path = `GET ${SERVICE}/overview`;
    const expected: Array<[Answer, number, string]> = [
      [error(401, 'AuthenticationError', 'no token'), 4, 'SLIPWAY_TOKEN'],
      [error(403, 'NotAllowedError', 'no verb "read"'), 4, 'no verb "read"'],
      [error(404, 'NotFoundError', 'No service'), 3, 'No service'],
      [error(409, 'ConflictError', 'queue rejects'), 1, 'queue rejects'],
      [error(500, 'Error', 'broken'), 2, 'broken'],
    ];
    for (const [answer, code, message] of expected) {
      answers = { [path]: [answer] };
      const result = await slipway('status', '--service', 'checkout');
      expect(result.err).toContain(message);
      expect(result.code).toBe(code);
    }
  });

  it('shows what runs where', async () => {
    answers = {
      [`GET ${SERVICE}/overview`]: [
        {
          body: {
            service: { ref: CHECKOUT, title: 'checkout' },
            targets: [
              {
                environment: { name: 'production' },
                stable: { version: 'v1.1.0', commitSha: '0123456789' },
                health: { status: 'degraded', causes: ['1 of 2 ready'] },
                workloads: { unknown: 'no answer', sinceMs: 1 },
                hold: {
                  by: { type: 'plugin', ref: 'plugin:delivery' },
                  reason: 'rolled back',
                },
                active: deployment({ status: 'progressing' }),
                queued: [],
              },
            ],
          },
        },
      ],
    };
    const { code, out } = await slipway('status', '--service', 'checkout');
    expect(out.split('\n')).toEqual([
      'production: v1.1.0 (01234567), degraded, unknown: no answer',
      '  1 of 2 ready',
      '  on hold by plugin:delivery: rolled back',
      '  Deployment of v1.2.0 to production [d1] is progressing',
      '',
    ]);
    expect(code).toBe(0);
  });

  it('says what an environment lacks, how to give it, and ends with 2', async () => {
    const rights = {
      id: 'rights',
      title: 'Rights to deploy',
      status: 'missing',
      message: 'slipway may not create deployments',
      fix: 'kubectl apply -f rights.yaml',
    };
    const version = {
      id: 'version',
      title: 'Kubernetes 1.27 or newer',
      status: 'ok',
      message: 'The cluster runs v1.37.2',
    };
    const path = `GET ${SERVICE}/environments/production/checks`;
    const check = () =>
      slipway('check', '--service', 'checkout', '-e', 'production');
    answers = { [path]: [{ body: { items: [version, rights] } }] };
    const bad = await check();
    expect(bad.out.split('\n')).toEqual([
      'ok       Kubernetes 1.27 or newer',
      '         The cluster runs v1.37.2',
      'MISSING  Rights to deploy',
      '         slipway may not create deployments',
      '         To give it:',
      '         kubectl apply -f rights.yaml',
      '',
    ]);
    expect(bad.code).toBe(2);
    answers = {
      [path]: [{ body: { items: [{ ...rights, status: 'limited' }] } }],
    };
    expect((await check()).code).toBe(0);
  });

  it('checks environments without a service; one that fails leaves the others told', async () => {
    const environments = ['staging', 'production'].map((name, index) => ({
      name,
      title: name,
      connection: { type: 'kubernetes', name: index ? 'us' : 'eu' },
    }));
    const missing = {
      id: 'rights:shop',
      title: 'Rights to deploy to namespace shop',
      status: 'missing',
      message: 'slipway may not create deployments',
    };
    const checks = (name: string) =>
      `GET /api/delivery/v1/environments/${name}/checks`;
    answers = {
      'GET /api/delivery/v1/environments': [{ body: { items: environments } }],
      [checks('staging')]: [{ body: { items: [missing] } }],
      [checks('production')]: [error(503, 'Error', 'the cluster is away')],
    };
    const all = await slipway('check');
    expect(all.out.split('\n')).toEqual([
      'staging (kubernetes eu)',
      'MISSING  Rights to deploy to namespace shop',
      '         slipway may not create deployments',
      '',
      'production (kubernetes us)',
      'The backend failed: the cluster is away',
      '',
    ]);
    expect(all.code).toBe(2);

    answers[checks('production')] = [
      error(403, 'NotAllowedError', 'delivery.environment.check is needed'),
    ];
    expect((await slipway('check')).code).toBe(2);
    expect(await slipway('check', '-e', 'production')).toMatchObject({
      code: 4,
      out: expect.stringContaining('delivery.environment.check is needed'),
    });
    answers[checks('production')] = [
      { body: { items: [{ ...missing, status: 'unknown' }] } },
    ];
    const unknown = await slipway('check', '-e', 'production', '--json');
    expect(unknown.code).toBe(2);
    expect(JSON.parse(unknown.out)).toMatchObject([
      { environment: 'production', checks: [{ status: 'unknown' }] },
    ]);
    answers[checks('production')] = [{ body: { items: [] } }];
    expect(await slipway('check', '-e', 'production')).toMatchObject({
      code: 0,
      out: expect.stringContaining('nothing to check'),
    });
    expect(await slipway('check', '-e', 'mars')).toMatchObject({
      code: 3,
      err: expect.stringContaining('expected one of staging, production'),
    });
    expect(await slipway('check', '-s', 'checkout')).toMatchObject({
      code: 3,
      err: expect.stringContaining('--environment is missing'),
    });
  });

  it('rolls back to the release before the one that is stable', async () => {
    answers = {
      [`GET ${SERVICE}/overview`]: [
        {
          body: {
            service: { ref: CHECKOUT, title: 'checkout' },
            targets: [
              {
                environment: { name: 'production' },
                stable: { releaseId: 'r3' },
                queued: [],
              },
            ],
          },
        },
      ],
      'GET /api/delivery/v1/deployments': [
        {
          body: {
            items: [
              deployment({ releaseId: 'r3' }),
              deployment({ releaseId: 'r2', status: 'rolled-back' }),
              deployment({ releaseId: 'r1' }),
            ],
          },
        },
      ],
      'POST /api/delivery/v1/deployments': [
        { status: 201, body: deployment({ kind: 'rollback' }) },
      ],
      'GET /api/delivery/v1/deployments/d1': [
        { body: { deployment: deployment({ kind: 'rollback' }) } },
      ],
    };
    const { code } = await slipway(
      ...['rollback', '-s', 'checkout', '-e', 'production', '--wait'],
    );
    expect(code).toBe(0);
    expect(
      requests.find(({ call }) => call.startsWith('POST'))?.body,
    ).toMatchObject({
      releaseId: 'r1',
      kind: 'rollback',
      environment: 'production',
    });
    const wrong = await slipway('rollback', '-s', 'checkout', '-e', 'mars');
    expect(wrong.err).toContain('expected one of production');
    expect(wrong.code).toBe(3);
  });

  it('scales, and says why not where somebody else has the number', async () => {
    const call =
      'POST /api/delivery/v1/services/component/default/checkout/environments/production/operations/scale';
    answers = {
      [call]: [
        { body: { commandId: 'c', accepted: true, message: 'Scaled to 5' } },
        {
          status: 409,
          body: {
            error: {
              name: 'ConflictError',
              message: 'HorizontalPodAutoscaler/checkout decides',
            },
          },
        },
      ],
    };
    const scale = (replicas: string) =>
      slipway(
        ...['scale', '-s', 'checkout', '-e', 'production'],
        ...['--replicas', replicas, '--reason', 'the sale'],
      );
    expect(await scale('5')).toMatchObject({
      code: 0,
      out: expect.stringContaining('Scaled to 5'),
    });
    expect(requests[0].body).toMatchObject({
      args: { replicas: 5 },
      reason: 'the sale',
    });
    const refused = await scale('6');
    expect(refused.err).toContain('HorizontalPodAutoscaler/checkout decides');
    expect(refused.code).not.toBe(0);
    expect(await scale('many')).toMatchObject({
      code: 3,
      err: expect.stringContaining('expected a whole number'),
    });
  });

  it.each([
    [[], /Usage/],
    [['deploy'], /Unknown command "deploy"/],
    [['release', 'main'], /--service is missing/],
    [['wait', 'd1', '--timeout', 'soon'], /such as 90s/],
    [['status', '--service', 'a b'], /entity ref/],
    [['status', '--bogus'], /bogus/],
  ])('explains %j and exits with 3', async (argv, message) => {
    const { code, out, err } = await slipway(...argv);
    expect(out + err).toMatch(message);
    expect(code).toBe(3);
  });

  it.each([
    [['help'], /Usage: slipway <command>[^]*Exit codes/],
    [['--help'], /Usage: slipway <command>/],
    [['release', '--help'], /Usage: slipway release <commit>[^]*--environment/],
    [['rollback', '-h'], /Usage: slipway rollback[^]*--to <release id>/],
  ])('shows the page of %j', async (argv, page) => {
    expect(await slipway(...argv)).toMatchObject({
      out: expect.stringMatching(page),
      err: '',
      code: 0,
    });
  });

  it('runs as a program: the outcome is the exit code, the result is JSON', async () => {
    answers = {
      'GET /api/delivery/v1/deployments/d1': [
        { body: { deployment: deployment({ status: 'rolled-back' }) } },
      ],
    };
    const child = spawn(
      process.execPath,
      [
        resolve(__dirname, '../bin/slipway'),
        ...['wait', 'd1', '--json', '--timeout', '1m'],
      ],
      {
        env: { PATH: process.env.PATH, SLIPWAY_URL: url },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let out = '';
    let err = '';
    child.stdout.on('data', chunk => {
      out += chunk;
    });
    child.stderr.on('data', chunk => {
      err += chunk;
    });
    const code = await new Promise(done => {
      child.on('close', done);
    });
    expect({ code, err }).toMatchObject({
      code: 1,
      err: expect.stringContaining('rolled-back'),
    });
    expect(JSON.parse(out)).toMatchObject({ id: 'd1', status: 'rolled-back' });
  });
});
