import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDefinition } from '.';

const ENVIRONMENTS = ['staging', 'production'];

function parse(text: string, name = 'checkout') {
  return parseDefinition(text, {
    file: 'delivery.yaml',
    name,
    environments: ENVIRONMENTS,
  });
}

const HEAD = `apiVersion: delivery.slipway.dev/v1alpha1
kind: Delivery
images:
  - { name: app, repository: shop/hello }
`;
/** Line 5 is the first of what is given. */
const withHead = (rest: string) => `${HEAD}${rest}`;
const canary = (fields: string) =>
  withHead(
    `environments:\n  - ref: staging\n    strategy:\n      canary:\n${fields
      .split('\n')
      .map(line => `        ${line}`)
      .join('\n')}\n`,
  );
const STAGING = 'environments: [{ ref: staging }]\n';

describe('a first file', () => {
  it('is nine lines and gets every other value by default', () => {
    const text = `apiVersion: delivery.slipway.dev/v1alpha1
kind: Delivery
images:
  - { name: app, repository: shop/hello }
environments:
  - ref: staging
    deploy: automatic
  - ref: production
`;
    expect(parse(text)).toMatchObject({
      problems: [],
      model: {
        apiVersion: 'delivery.slipway.dev/v1alpha1',
        name: 'checkout',
        source: { paths: ['**'] },
        images: [
          {
            name: 'app',
            repository: 'shop/hello',
            build: { context: '.', args: {} },
          },
        ],
        policy: { block: [] },
        environments: [
          {
            ref: 'staging',
            deploy: 'automatic',
            manifests: { renderer: 'plain', path: 'deploy' },
            workloads: [],
            after: [],
            progressDeadlineMs: 600_000,
            strategy: {
              type: 'rolling',
              maxSurge: { percent: 25 },
              maxUnavailable: { count: 0 },
            },
          },
          { ref: 'production', deploy: 'manual' },
        ],
      },
    });
  });
});

describe('the resolved model', () => {
  it('has every unit resolved and every default filled in', () => {
    const { model, problems } = parse(
      canary(`steps:
  - weight: 2.5%
  - analysis: { duration: 1m }
  - weight: 50%
  - pause: {}
metrics:
  - { name: success-rate, min: 99.9% }
  - { name: latency-p99, max: 1s500ms, minSamples: 7, noData: fail, failureLimit: 2 }
background: { startingStep: 3 }
scaleDownDelay: 1h
rollbackWindow: 2`),
    );
    expect(problems).toEqual([]);
    const metrics = [
      {
        name: 'success-rate',
        unit: 'ratio',
        min: 0.999,
        minSamples: 50,
        noData: 'inconclusive',
        failureLimit: 0,
        consecutiveErrorLimit: 4,
      },
      {
        name: 'latency-p99',
        unit: 'milliseconds',
        max: 1_500,
        minSamples: 7,
        noData: 'fail',
        failureLimit: 2,
        consecutiveErrorLimit: 4,
      },
    ];
    expect(model?.environments[0].strategy).toEqual({
      type: 'canary',
      steps: [
        { type: 'weight', percent: 2.5 },
        {
          type: 'analysis',
          analysis: {
            durationMs: 60_000,
            intervalMs: 10_000,
            extendMs: 60_000,
            metrics,
          },
        },
        { type: 'weight', percent: 50 },
        { type: 'pause' },
      ],
      background: {
        startingStep: 2,
        durationMs: 0,
        intervalMs: 10_000,
        extendMs: 60_000,
        metrics,
      },
      scaleDownDelayMs: 3_600_000,
      rollbackWindow: 2,
    });
  });

  it('of a blue-green strategy, with what environments take from the defaults', () => {
    const { model, problems } = parse(
      withHead(`defaults:
  deploy: automatic
  manifests: { kustomize: deploy/base/ }
  progressDeadline: 90s
  strategy:
    blueGreen:
      previewReplicas: 1
      autoPromoteAfter: 0s
      preAnalysis: { duration: 30s, interval: 2s, extend: 0s }
      metrics: [{ name: request-count, min: 10 }]
environments:
  - ref: production
    after: [{ ref: staging }]
    manifests: { plain: deploy/production.yaml }
  - { ref: staging, deploy: manual, strategy: { rolling: { maxSurge: 1, maxUnavailable: 10% } } }
`),
    );
    expect(problems).toEqual([]);
    expect(model?.environments).toMatchObject([
      {
        // The platform's order, whatever the file's.
        ref: 'staging',
        deploy: 'manual',
        manifests: { renderer: 'kustomize', path: 'deploy/base' },
        progressDeadlineMs: 90_000,
        strategy: {
          type: 'rolling',
          maxSurge: { count: 1 },
          maxUnavailable: { percent: 10 },
        },
      },
      {
        ref: 'production',
        deploy: 'automatic',
        manifests: { renderer: 'plain', path: 'deploy/production.yaml' },
        after: [{ ref: 'staging', healthyForMs: 30_000 }],
        strategy: {
          type: 'blueGreen',
          previewReplicas: 1,
          autoPromoteAfterMs: 0,
          scaleDownDelayMs: 30_000,
          preAnalysis: {
            durationMs: 30_000,
            intervalMs: 2_000,
            extendMs: 0,
            metrics: [{ name: 'request-count', unit: 'count', min: 10 }],
          },
          rollbackWindow: 0,
        },
      },
    ]);
  });

  it('of routes and mirrors has header names in lower case, and lets an analysis follow them', () => {
    const { model, problems } = parse(
      canary(
        [
          'steps:',
          '  - route: { headers: [{ name: X-Canary, value: Always yes }] }',
          '  - mirror: 12.5%',
          '  - analysis: { duration: 30s }',
          '  - weight: 50%',
          '  - route: { headers: [] }',
          '  - mirror: 0%',
          'metrics: [{ name: success-rate, min: 99% }]',
        ].join('\n'),
      ),
    );
    expect(problems).toEqual([]);
    const strategy = model?.environments[0].strategy;
    expect(strategy?.type === 'canary' && strategy.steps).toMatchObject([
      { type: 'route', headers: [{ name: 'x-canary', value: 'Always yes' }] },
      { type: 'mirror', percent: 12.5 },
      { type: 'analysis' },
      { type: 'weight', percent: 50 },
      { type: 'route', headers: [] },
      { type: 'mirror', percent: 0 },
    ]);
  });

  it('of hooks has their deadline, and an environment takes them from the defaults', () => {
    const { model, problems } = parse(
      withHead(`defaults:
  hooks: [{ job: migrate, at: before }]
environments:
  - ref: staging
  - ref: production
    hooks: [{ job: smoke, at: after, deadline: 90s }]
`),
    );
    expect(problems).toEqual([]);
    expect(model?.environments.map(({ hooks }) => hooks)).toEqual([
      [{ job: 'migrate', at: 'before', deadlineMs: 600_000 }],
      [{ job: 'smoke', at: 'after', deadlineMs: 90_000 }],
    ]);
  });

  it('is each service its own in a file of several, and one that is wrong does not hurt the others', () => {
    const folder = join(__dirname, '../../../../examples/storefront');
    const good = readFileSync(join(folder, 'base/delivery.yaml'), 'utf8');
    expect(parse(good, 'checkout').model?.images[0].repository).toBe(
      'storefront/checkout',
    );
    expect(parse(good, 'pricing').model?.images[0].repository).toBe(
      'storefront/pricing',
    );
    const wrong = readFileSync(
      join(folder, 'changes/07-wrong-definition/delivery.yaml'),
      'utf8',
    );
    expect(parse(wrong, 'checkout')).toMatchObject({
      problems: [
        {
          line: 25,
          column: 13,
          path: 'environments[1].strategy.canary.steps[2].wieght',
          expected: 'one of the fields weight, analysis, pause, route, mirror',
          found: '"wieght"',
          hint: 'Did you mean "weight"?',
        },
      ],
    });
    expect(parse(wrong, 'checkout').model).toBeUndefined();
    expect(parse(wrong, 'pricing').problems).toEqual([]);
  });
});

type Case = [
  what: string,
  text: string,
  line: number | undefined,
  column: number | undefined,
  expected: RegExp,
  found: RegExp,
  hint?: RegExp,
];

describe('everything that is wrong is said with its place', () => {
  const STEPS = 'steps: [{ weight: 10% }, { weight: 50% }]';
  const CASES: Case[] = [
    // what, text, line, column, expected, found, hint
    [
      'an unknown field',
      withHead(`${STAGING}conection: prod\n`),
      6,
      1,
      /one of the fields apiVersion/,
      /"conection"/,
    ],
    [
      'a misspelt field',
      withHead('environments: [{ ref: staging, stratgy: {} }]\n'),
      5,
      32,
      /one of the fields ref/,
      /"stratgy"/,
      /Did you mean "strategy"/,
    ],
    [
      'a connection of its own choice',
      withHead('environments: [{ ref: staging, connection: { type: k8s } }]\n'),
      5,
      32,
      /one of the fields/,
      /"connection"/,
    ],
    [
      'a namespace of its own choice',
      withHead('environments: [{ ref: staging, namespace: x }]\n'),
      5,
      32,
      /one of the fields/,
      /"namespace"/,
    ],
    [
      'a platform policy it would like to replace',
      withHead(`${STAGING}policy: { allow: [] }\n`),
      6,
      11,
      /one of the fields block/,
      /"allow"/,
    ],
    [
      'an environment of nobody',
      withHead('environments: [{ ref: stagin }]\n'),
      5,
      23,
      /one of the platform's environments: staging, production/,
      /"stagin"/,
      /Did you mean "staging"/,
    ],
    [
      'an environment twice',
      withHead('environments:\n  - ref: staging\n  - ref: staging\n'),
      7,
      10,
      /each environment once/,
      /"staging" a second time/,
    ],
    [
      'no environments',
      HEAD,
      1,
      1,
      /a list of 1 to 50 environments/,
      /nothing/,
    ],
    [
      'an empty list of environments',
      withHead('environments: []\n'),
      5,
      15,
      /a list of 1 to 50/,
      /an empty list/,
    ],
    [
      'a number without a unit',
      withHead('environments: [{ ref: staging, progressDeadline: 30 }]\n'),
      5,
      50,
      /duration with its unit from 1s to 1d, such as 10m/,
      /30 \(a number\)/,
      /Units are mandatory/,
    ],
    [
      'a unit that is none',
      withHead('environments: [{ ref: staging, progressDeadline: 30 sec }]\n'),
      5,
      50,
      /duration with its unit/,
      /"30 sec"/,
    ],
    [
      'a deadline of nothing',
      withHead('environments: [{ ref: staging, progressDeadline: 0s }]\n'),
      5,
      50,
      /from 1s to 1d/,
      /"0s"/,
    ],
    [
      'a weight without %',
      canary('steps: [{ weight: 10 }]'),
      9,
      27,
      /share from 0% to 100% with its sign/,
      /10 \(a number\)/,
      /Units are mandatory/,
    ],
    [
      'a weight above everything',
      canary('steps: [{ weight: 101% }]'),
      9,
      27,
      /0% to 100%/,
      /"101%"/,
    ],
    [
      'a weight below nothing',
      canary('steps: [{ weight: -1% }]'),
      9,
      27,
      /0% to 100%/,
      /"-1%"/,
    ],
    [
      'weights that do not grow',
      canary('steps: [{ weight: 50% }, { weight: 50% }]'),
      9,
      44,
      /above the 50% of the step before/,
      /"50%"/,
    ],
    [
      'no steps',
      canary('steps: []'),
      9,
      16,
      /a list of 1 to 50 steps/,
      /an empty list/,
    ],
    [
      'an empty step',
      canary('steps: [{}]'),
      9,
      17,
      /exactly one of weight, analysis, pause, route, mirror/,
      /none of them/,
    ],
    [
      'a step that is two',
      canary('steps: [{ weight: 10%, pause: {} }]'),
      9,
      17,
      /exactly one of/,
      /weight, pause/,
    ],
    [
      'a route by no header, where there is none to end',
      canary('steps: [{ route: { headers: [] } }, { weight: 50% }]'),
      9,
      37,
      /the headers of a route, as there is none to end/,
      /an empty list/,
    ],
    [
      'the name of a header that is none',
      canary(
        'steps: [{ route: { headers: [{ name: "x canary", value: y }] } }]',
      ),
      9,
      46,
      /the name of a header other than host/,
      /"x canary"/,
    ],
    [
      'a header twice',
      canary(
        'steps: [{ route: { headers: [{ name: a, value: b }, { name: A, value: c }] } }]',
      ),
      9,
      69,
      /each header once/,
      /"A" a second time/,
    ],
    [
      'an end of what is not mirrored',
      canary('steps: [{ mirror: 0% }]'),
      9,
      27,
      /a share above 0%, as nothing is mirrored yet/,
      /"0%"/,
    ],
    [
      'more copies than fit beside the share',
      canary('steps: [{ weight: 30% }, { mirror: 80% }]'),
      9,
      44,
      /at most 70%, as the candidate gets 30% of the requests already/,
      /"80%"/,
    ],
    [
      'an analysis before any traffic',
      canary(
        'steps: [{ analysis: { duration: 5s } }]\nmetrics: [{ name: success-rate, min: 99% }]',
      ),
      9,
      29,
      /a step with a weight, a route or a mirror before/,
      /no traffic yet/,
    ],
    [
      'an analysis without metrics',
      canary('steps: [{ weight: 10% }, { analysis: { duration: 5s } }]'),
      9,
      46,
      /metrics here or for the whole strategy/,
      /without metrics/,
      /success-rate/,
    ],
    [
      'a metric of nobody',
      canary(`${STEPS}\nmetrics: [{ name: sucess-rate, min: 99% }]`),
      10,
      27,
      /one of the metrics success-rate/,
      /"sucess-rate"/,
      /Did you mean "success-rate"/,
    ],
    [
      'a metric without a limit',
      canary(`${STEPS}\nmetrics: [{ name: success-rate }]`),
      10,
      19,
      /min or max/,
      /neither/,
    ],
    [
      'a threshold of another unit',
      canary(`${STEPS}\nmetrics: [{ name: latency-p95, max: 99% }]`),
      10,
      45,
      /for latency-p95, a duration/,
      /"99%"/,
    ],
    [
      'a threshold without a unit',
      canary(`${STEPS}\nmetrics: [{ name: latency-p95, max: 300 }]`),
      10,
      45,
      /for latency-p95, a duration with its unit/,
      /300 \(a number\)/,
      /Units/,
    ],
    [
      'limits that exclude each other',
      canary(`${STEPS}\nmetrics: [{ name: latency-p95, min: 2s, max: 1s }]`),
      10,
      54,
      /not below min/,
      /"1s"/,
    ],
    [
      'a background that starts after the end',
      canary(
        `${STEPS}\nbackground: { startingStep: 9, metrics: [{ name: success-rate, min: 1% }] }`,
      ),
      10,
      37,
      /one of the 2 steps/,
      /9/,
    ],
    [
      'two strategies',
      withHead(
        'environments: [{ ref: staging, strategy: { rolling: {}, canary: {} } }]\n',
      ),
      5,
      65,
      /a list of 1 to 50 steps/,
      /nothing/,
    ],
    [
      'no strategy',
      withHead('environments: [{ ref: staging, strategy: {} }]\n'),
      5,
      42,
      /exactly one of rolling, canary, blueGreen/,
      /none of them/,
    ],
    [
      'a rolling update that cannot move',
      withHead(
        'environments: [{ ref: staging, strategy: { rolling: { maxSurge: 0 } } }]\n',
      ),
      5,
      53,
      /above 0/,
      /both 0/,
    ],
    [
      'a condition on itself',
      withHead('environments: [{ ref: staging, after: [{ ref: staging }] }]\n'),
      5,
      47,
      /another environment/,
      /"staging" itself/,
    ],
    [
      'a condition on an environment that is not in it',
      withHead(
        'environments: [{ ref: staging, after: [{ ref: production }] }]\n',
      ),
      5,
      47,
      /another environment of this document/,
      /"production"/,
    ],
    [
      'conditions in a circle',
      withHead(
        'environments:\n  - { ref: staging, after: [{ ref: production }] }\n  - { ref: production, after: [{ ref: staging }] }\n',
      ),
      7,
      39,
      /without circles/,
      /staging after production after staging/,
    ],
    [
      'a way out of the repository',
      withHead(`${STAGING}defaults: { manifests: { plain: ../../etc } }\n`),
      6,
      33,
      /without "\.\."/,
      /"\.\.\/\.\.\/etc"/,
    ],
    [
      'an absolute path',
      HEAD.replace('shop/hello }', 'shop/hello, build: { context: /etc } }') +
        STAGING,
      4,
      60,
      /below the root of the repository/,
      /"\/etc"/,
    ],
    [
      'a registry of its own choice',
      HEAD.replace('shop/hello', '"evil.example:5000/x"') + STAGING,
      4,
      30,
      /without host and tag/,
      /"evil.example:5000\/x"/,
    ],
    [
      'the same image name twice',
      `${HEAD}  - { name: app, repository: shop/other }\n${STAGING}`,
      5,
      13,
      /a name of its own/,
      /"app" a second time/,
    ],
    [
      'a number where a text belongs',
      HEAD.replace('name: app', 'name: 1.10') + STAGING,
      4,
      13,
      /the name of an image/,
      /1.1 \(a number\)/,
    ],
    [
      'nothing where a list belongs',
      withHead('environments:\n'),
      5,
      14,
      /a list of/,
      /nothing/,
    ],
    [
      'a severity of nobody',
      withHead(`${STAGING}policy: { block: [{ severity: criticl }] }\n`),
      6,
      31,
      /one of critical, high/,
      /"criticl"/,
      /Did you mean "critical"/,
    ],
    [
      'another version',
      HEAD.replace('v1alpha1', 'v9') + STAGING,
      1,
      13,
      /one of delivery.slipway.dev\/v1alpha1/,
      /v9/,
      /v1alpha1/,
    ],
    [
      'another kind',
      HEAD.replace('kind: Delivery', 'kind: Deployment') + STAGING,
      2,
      7,
      /Delivery/,
      /"Deployment"/,
    ],
    [
      'a name of another component',
      `metadata: { name: other }\n${HEAD}${STAGING}`,
      1,
      19,
      /metadata: \{ name: checkout \}/,
      /documents for other/,
    ],
    [
      'the same field twice',
      withHead(`${STAGING}environments: []\n`),
      6,
      1,
      /each field once/,
      /"environments" a second time/,
    ],
    [
      'a bracket that is not closed',
      withHead('environments: [{ ref: staging }\n'),
      6,
      1,
      /valid YAML/,
      /./,
    ],
    [
      'a tab as indentation',
      withHead('environments:\n\t- ref: staging\n'),
      6,
      1,
      /valid YAML/,
      /tab/i,
    ],
    ['an empty file', '', 1, 1, /a delivery definition/, /an empty file/],
    ['a list', '- a\n- b\n', 1, 1, /a map of fields/, /a list of 2 entries/],
    ['a text', 'hello\n', 1, 1, /a map of fields/, /"hello"/],
    [
      'a tag',
      withHead('environments: !!set { staging }\n'),
      5,
      21,
      /without a tag/,
      /the tag/,
    ],
    [
      'a hook at no time',
      withHead(
        'environments:\n  - ref: staging\n    hooks: [{ job: migrate, at: between }]\n',
      ),
      7,
      33,
      /one of before, after/,
      /"between"/,
    ],
    [
      'a hook without a job',
      withHead(
        'environments:\n  - ref: staging\n    hooks:\n      - at: before\n',
      ),
      8,
      9,
      /the name of a Job/,
      /nothing/,
    ],
    [
      'the same job twice at one place',
      withHead(
        'defaults:\n  hooks:\n    - { job: migrate, at: before }\n    - { job: migrate, at: before }\nenvironments: [{ ref: staging }]\n',
      ),
      8,
      14,
      /each job once at each place/,
      /"migrate" before a second time/,
    ],
    [
      'a tag of a program',
      withHead('environments: !ruby/object:Kernel {}\n'),
      5,
      15,
      /valid YAML/,
      /unresolved tag/i,
    ],
    [
      'a control character',
      withHead('environments: "\u0000"\n'),
      5,
      16,
      /UTF-8/,
      /U\+0000/,
    ],
    [
      'a directive',
      `%YAML 1.1\n---\n${HEAD}${STAGING}`,
      undefined,
      undefined,
      /no %YAML directive/,
      /1\.1/,
    ],
    [
      'a prototype',
      withHead(`${STAGING}__proto__: { polluted: true }\n`),
      6,
      1,
      /one of the fields/,
      /"__proto__"/,
    ],
  ];

  it.each(CASES.map((given): [string, Case] => [given[0], given]))(
    '%s',
    (_name, [_what, text, line, column, expected, found, hint]) => {
      const { model, problems } = parse(text);
      expect(model).toBeUndefined();
      const about = problems.find(
        problem =>
          expected.test(problem.expected) &&
          found.test(problem.found) &&
          problem.line === line &&
          problem.column === column,
      );
      if (!about) {
        throw new Error(
          `Not said; said was ${JSON.stringify(problems, undefined, 1)}`,
        );
      }
      expect(about.file).toBe('delivery.yaml');
      expect(about.hint ?? '').toMatch(hint ?? /^/);
    },
  );

  it('all of it at once, in the order of the file', () => {
    const { problems } = parse(`apiVersion: delivery.slipway.dev/v1alpha1
kind: Delivry
images: [{ name: App, repository: shop/hello }]
environments:
  - ref: nowhere
    deploy: auto
  - { ref: staging, progressDeadline: 5 }
extra: 1
`);
    expect(problems.map(({ line, path }) => [line, path])).toEqual([
      [2, 'kind'],
      [3, 'images[0].name'],
      [5, 'environments[0].ref'],
      [6, 'environments[0].deploy'],
      [7, 'environments[1].progressDeadline'],
      [8, 'extra'],
    ]);
  });
});

describe('hostile files', () => {
  const LIMIT_MS = 10_000;
  it.each([
    [
      'more than a megabyte',
      `# ${'x'.repeat(1024 * 1024)}`,
      /at most 1048576 bytes/,
    ],
    [
      'aliases that multiply',
      `a: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefghij'
        .split('')
        .map((key, index) => {
          const before = 'abcdefghij'[index];
          return `${key}: &${key} [${Array(9).fill(`*${before}`).join(', ')}]`;
        })
        .join('\n')}\n`,
      /aliases/,
    ],
    ['brackets without end', '['.repeat(500_000), /open brackets/],
    ['maps without end', '{a: '.repeat(200_000), /open brackets/],
    ['dashes without end', `${'- '.repeat(400_000)}x`, /levels of nesting/],
    [
      'dashes without end, further down',
      `a: 1\nb:\n  ${'-  \t'.repeat(200_000)}x\n`,
      /levels of nesting/,
    ],
    ['keys in keys', `${'? - : '.repeat(100_000)}x`, /levels of nesting/],
    [
      'indentation without end',
      Array.from({ length: 200 }, (_, depth) => `${' '.repeat(depth)}a:`).join(
        '\n',
      ),
      /levels of nesting/,
    ],
    [
      'keys without end',
      Array.from({ length: 60_000 }, (_, index) => `k${index}: 1`).join('\n'),
      /at most 30000 lines/,
    ],
    [
      'values without end',
      `a:\n${'- b\n'.repeat(250_000)}`,
      /at most 30000 lines/,
    ],
    ['flow values without end', `a: [${'b,'.repeat(250_000)}b]\n`, /lines/],
    [
      'documents without end',
      '---\na: 1\n'.repeat(90_000),
      /at most 30000 lines/,
    ],
    ['many documents', '---\na: 1\n'.repeat(9_000), /at most 200 documents/],
    ['a key that is a list', '? [a, b]\n: c\n', /./],
  ])('%s are refused, and quickly', (_what, text, expected) => {
    const startedAt = Date.now();
    const { model, problems } = parse(text);
    expect(model).toBeUndefined();
    expect(problems.map(problem => problem.expected).join('\n')).toMatch(
      expected,
    );
    expect(Date.now() - startedAt).toBeLessThan(LIMIT_MS);
    expect(JSON.stringify(problems).length).toBeLessThan(200_000);
  });

  it('text of any kind never throws and never pollutes', () => {
    for (const text of [
      '\ufeff',
      '&a *a',
      'a: *b',
      '!!js/function "x"',
      '<<: {a: 1}',
      '? ',
      ': :',
      '---\n---\n---',
      '%TAG ! x',
      '"\\ud800"',
      'constructor: 1',
    ]) {
      expect(() => parse(text)).not.toThrow();
      expect(parse(text).problems.length).toBeGreaterThan(0);
    }
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });
});
