import { ConfigReader } from '@backstage/config';
import { effectivePolicy, readEnvironments } from '.';

const read = (environments: unknown) =>
  readEnvironments(
    new ConfigReader(
      JSON.parse(JSON.stringify({ delivery: { environments } })),
    ),
  );

const LOCAL = { type: 'local' };

describe('readEnvironments', () => {
  it('gives the environments in promotion order with their defaults', () => {
    expect(readEnvironments(new ConfigReader({}))).toEqual([]);
    expect(
      read([
        { name: 'staging', connection: LOCAL },
        {
          name: 'production',
          title: 'Production',
          tier: 'prod',
          connection: { type: 'kubernetes', name: 'eu' },
          automation: false,
          queue: 'reject',
          policy: { block: [{ severity: 'high', fixable: true }] },
        },
      ]),
    ).toEqual([
      {
        name: 'staging',
        title: 'staging',
        tier: 'staging',
        connection: { type: 'local', name: 'default' },
        automation: true,
        queue: 'supersede',
        drift: 'tell',
        policy: { block: [] },
        order: 0,
      },
      {
        name: 'production',
        title: 'Production',
        tier: 'prod',
        connection: { type: 'kubernetes', name: 'eu' },
        automation: false,
        queue: 'reject',
        drift: 'tell',
        policy: { block: [{ severity: 'high', fixable: true }] },
        order: 1,
      },
    ]);
  });

  it.each([
    [
      [{ name: 'Prod', connection: LOCAL }],
      /environments\[0\]\.name: expected lowercase/,
    ],
    [
      [
        { name: 'a', connection: LOCAL },
        { name: 'a', connection: LOCAL },
      ],
      /environments\[1\]\.name: .*a second time/,
    ],
    [
      [{ name: 'a', connection: LOCAL, drift: 'repare' }],
      /environments\[0\]\.drift: expected one of tell, repair.*Did you mean "repair"/,
    ],
    [
      [{ name: 'a', connection: LOCAL, polcy: {} }],
      /environments\[0\]\.polcy: .*Did you mean "policy"/,
    ],
    [
      [{ name: 'a', connection: LOCAL, policy: { blok: [] } }],
      /policy\.blok: .*Did you mean "block"/,
    ],
    [
      [
        {
          name: 'a',
          connection: LOCAL,
          policy: { block: [{ severity: 'sever' }] },
        },
      ],
      /block\[0\]\.severity: expected one of critical/,
    ],
    [
      [{ name: 'a', connection: LOCAL, queue: 'supercede' }],
      /queue: expected one of .*Did you mean "supersede"/,
    ],
    [[{ name: 'a' }], /connection/],
    [[{ name: 'a', connection: LOCAL, automation: 'maybe' }], /automation/],
    [{ name: 'a' }, /delivery\.environments/],
  ])('refuses %j with the key that is wrong', (environments, message) => {
    expect(() => read(environments)).toThrow(message);
  });
});

describe('effectivePolicy', () => {
  it('adds the rules of every environment that is named and of the repository, and says who asks', () => {
    const environments = read([
      {
        name: 'staging',
        connection: LOCAL,
        policy: { block: [{ severity: 'critical' }] },
      },
      {
        name: 'production',
        connection: LOCAL,
        policy: {
          block: [
            { severity: 'critical' },
            { severity: 'high', fixable: true },
          ],
        },
      },
      {
        name: 'bank',
        connection: LOCAL,
        policy: { block: [{ severity: 'low' }] },
      },
    ]);
    const target = {
      deploy: 'manual' as const,
      manifests: { renderer: 'plain' as const, path: 'deploy' },
      workloads: [],
      after: [],
      progressDeadlineMs: 1,
      strategy: {
        type: 'rolling' as const,
        maxSurge: { count: 1 },
        maxUnavailable: { count: 0 },
      },
    };
    expect(
      effectivePolicy(environments, {
        policy: { block: [{ severity: 'medium' }, { severity: 'critical' }] },
        environments: [
          { ...target, ref: 'staging' },
          { ...target, ref: 'production' },
        ],
      }),
    ).toEqual({
      platform: [{ severity: 'critical' }, { severity: 'high', fixable: true }],
      repository: [{ severity: 'medium' }, { severity: 'critical' }],
      rules: [
        {
          severity: 'critical',
          sources: [
            'platform: staging',
            'platform: production',
            'delivery.yaml',
          ],
        },
        { severity: 'high', fixable: true, sources: ['platform: production'] },
        { severity: 'medium', sources: ['delivery.yaml'] },
      ],
      explanation: [
        'A finding of critical severity blocks (platform: staging; platform: production; delivery.yaml)',
        'A finding of high severity or worse, when a fix exists, blocks (platform: production)',
        'A finding of medium severity or worse blocks (delivery.yaml)',
      ],
    });
  });
});
