import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ReleaseVerb } from '@slipway/backstage-plugin-delivery-common';
import {
  createRegistryClient,
  ImageBuilder,
  SourceFetcher,
} from '@slipway/backstage-plugin-delivery-node';
import { abilities, notStarted } from '../definition/__testUtils__/abilities';
import { givenScanner, layoutBuilder } from './__testUtils__/ports';
import {
  ALICE,
  createReleaseWorld,
  DEFINITION,
  environment,
  FILES,
  MANIFEST,
  ReleaseWorld,
  SERVICE,
} from './__testUtils__/world';

jest.setTimeout(120_000);

let world: ReleaseWorld;
afterEach(() => world?.stop());

const CRITICAL = {
  id: 'CVE-2026-0001',
  kind: 'vulnerability' as const,
  severity: 'critical' as const,
  title: 'Runs what it is sent',
  package: { name: 'price-format', version: '1.0.0' },
  fixedIn: ['1.0.1'],
};

async function releaseOf(
  files: Record<string, string>,
  options: Parameters<typeof createReleaseWorld>[0] = {},
) {
  world = await createReleaseWorld(options);
  world.repository.add(files);
  const runner = world.runner();
  const { id } = await world.request(runner);
  return world.finish(runner, id);
}

async function command(id: string, verb: ReleaseVerb, key: string = verb) {
  await world.store.commands.add({
    id: key,
    verb,
    subjectKind: 'release',
    subjectId: id,
    actor: ALICE,
    reason: 'because',
    createdAtMs: world.clock.nowMs,
  });
}

function stageStatus(row: {
  stages: Array<{ stage: string; status: string }>;
}) {
  return Object.fromEntries(
    row.stages.map(({ stage, status }) => [stage, status]),
  );
}

describe('a good commit', () => {
  it('becomes a ready release: what is scanned is what is pushed, tagged and attested', async () => {
    world = await createReleaseWorld();
    const commit = world.repository.add(FILES, { tag: 'v1.2.0', distance: 3 });
    const runner = world.runner();
    const { id } = await world.request(runner);
    const row = await world.finish(runner, id);
    expect(row).toMatchObject({
      status: 'ready',
      version: `v1.2.0-3-g${commit.sha.slice(0, 7)}`,
      definition: { name: 'checkout' },
      findings: { blocking: 0, scanner: 'given 1' },
    });
    const [{ digest, reference }] = row.images;
    expect(reference).toBe(`shop/checkout:${row.version}@${digest}`);
    const client = createRegistryClient(world.registry.access);
    expect(
      await client.headManifest('shop/checkout', row.version),
    ).toMatchObject({
      digest,
    });
    const referrers = await client.listReferrers('shop/checkout', digest);
    expect(referrers.map(({ artifactType }) => artifactType).sort()).toEqual([
      'application/vnd.cyclonedx+json',
      'application/vnd.in-toto+json',
    ]);
    const provenance = await world.store.blobs.get(
      Object(row.checkpoint.provenance).app,
    );
    expect(JSON.parse(String(provenance))).toMatchObject({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: digest.slice(7) } }],
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {
        buildDefinition: {
          externalParameters: {
            revision: commit.sha,
            repository: 'memory:shop',
          },
        },
      },
    });
    expect(await world.logOf(id, 'build')).toContain(`built ${digest}`);
    expect(await readdir(world.workDirectory)).toEqual([]);
    expect(
      await world.store.targets.get({
        service: SERVICE,
        environment: 'staging',
      }),
    ).toMatchObject({ tier: 'staging', owner: 'group:default/shop' });
  });

  it('gives the same digest when it is released twice, and the same release for the same key', async () => {
    world = await createReleaseWorld();
    world.repository.add(FILES);
    const runner = world.runner();
    const first = await world.request(runner, 'a');
    expect((await world.request(runner, 'a')).id).toBe(first.id);
    const second = await world.request(runner, 'b');
    expect(second.id).not.toBe(first.id);
    const [one, two] = [
      await world.finish(runner, first.id),
      await world.finish(runner, second.id),
    ];
    expect(two.images).toEqual(one.images);
  });

  it('of configuration only uses the Build that is there, as long as the registry has it', async () => {
    const builder = layoutBuilder({ fingerprint: { version: '1' } });
    world = await createReleaseWorld({ builder });
    const runner = world.runner();
    const release = async (key: string) => {
      const { id } = await world.request(runner, key);
      return world.finish(runner, id);
    };
    world.repository.add(FILES);
    const first = await release('first');
    world.repository.add({
      ...FILES,
      'deploy/checkout.yaml': MANIFEST.replace('replicas: 2', 'replicas: 3'),
    });
    const second = await release('second');
    expect(second.images[0].digest).toBe(first.images[0].digest);
    expect(second.bundleBlob).not.toBe(first.bundleBlob);
    expect(second.images[0].reference).toContain(second.version);
    expect(builder.builds).toBe(1);

    world.repository.add({ ...FILES, 'src/server.js': 'other' });
    expect((await release('third')).images[0].digest).not.toBe(
      first.images[0].digest,
    );
    expect(builder.builds).toBe(2);

    world.registry.manifests.clear();
    world.repository.add({ ...FILES, 'README.md': 'hello' });
    expect((await release('fourth')).status).toBe('ready');
    expect(builder.builds).toBe(3);
  });

  it('leaves a tag alone that names other bytes, and uses one with the digest in it', async () => {
    world = await createReleaseWorld();
    world.repository.add(FILES, { tag: 'v1', distance: 0 });
    const foreign = {
      bytes: Buffer.from(
        '{"schemaVersion":2,"config":{"mediaType":"a","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}',
      ),
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
    };
    world.registry.manifests.set('shop/checkout:v1', foreign);
    const runner = world.runner();
    const { id } = await world.request(runner);
    const row = await world.finish(runner, id);
    expect(row.status).toBe('ready');
    expect(row.images[0].reference).toMatch(/^shop\/checkout:v1-[0-9a-f]{12}@/);
    expect(world.registry.manifests.get('shop/checkout:v1')).toBe(foreign);
  });
});

describe('a bad commit', () => {
  it('with a strategy that its environment cannot follow fails before anything is built, unless that is not known', async () => {
    const files = {
      ...FILES,
      'delivery.yaml': `${DEFINITION}defaults: { strategy: { rolling: { maxSurge: 0.5% } } }\n`,
    };
    world = await createReleaseWorld();
    world.repository.add(files);
    const connections = new Map([['staging', notStarted()]]);
    const runner = world.runner({ connections });
    const first = await world.request(runner, 'one');
    expect((await world.finish(runner, first.id)).status).toBe('ready');

    connections.set('staging', abilities({ leads: true }));
    const second = await world.request(runner, 'two');
    const row = await world.finish(runner, second.id);
    expect(row).toMatchObject({
      status: 'failed',
      reason: {
        code: 'definition-invalid',
        message: expect.stringMatching(
          /delivery.yaml:8:46: expected for the environment "staging", a whole number of percents, found 0.5%/,
        ),
        action: 'Correct the file and release the new commit.',
      },
      definitionProblems: [{ path: 'defaults.strategy.rolling.maxSurge' }],
    });
    expect(stageStatus(row)).toMatchObject({
      definition: 'failed',
      build: 'skipped',
    });
  });

  it('with a wrong definition fails with file, line and column', async () => {
    const row = await releaseOf({
      ...FILES,
      'delivery.yaml': DEFINITION.replace(
        'deploy: automatic',
        'deplo: automatic',
      ),
    });
    expect(row).toMatchObject({
      status: 'failed',
      reason: { code: 'definition-invalid' },
      definitionProblems: [
        {
          file: 'delivery.yaml',
          line: 6,
          column: 21,
          hint: 'Did you mean "deploy"?',
        },
      ],
    });
    expect(row.reason?.message).toContain('delivery.yaml:6:21');
    expect(stageStatus(row)).toMatchObject({
      fetch: 'done',
      definition: 'failed',
      build: 'skipped',
    });
  });

  it.each([
    [
      'no definition',
      { 'delivery.yaml': undefined },
      /delivery.yaml: expected a delivery definition/,
    ],
    [
      'no manifests',
      { 'deploy/checkout.yaml': undefined },
      /expected manifests \(plain\) at "deploy"/,
    ],
    [
      'no context',
      { 'src/server.js': undefined },
      /delivery.yaml:4:63: expected the folder that image "app" is built from/,
    ],
    [
      'a manifest with an image of its own',
      {
        'deploy/checkout.yaml': MANIFEST.replace(
          'image: app',
          'image: evil/miner:latest',
        ),
      },
      /deploy\/checkout.yaml:9:36: the image "evil\/miner:latest" is none of the definition's/,
    ],
    [
      'a manifest with secret values',
      {
        'deploy/secret.yaml':
          'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { a: b }\n',
      },
      /deploy\/secret.yaml:1:1: a Secret with its values/,
    ],
  ])(
    'with %s fails before anything is built',
    async (_what, change, message) => {
      const files: Record<string, string> = {};
      for (const [path, content] of Object.entries({ ...FILES, ...change })) {
        if (content !== undefined) {
          files[path] = content;
        }
      }
      const row = await releaseOf(files);
      expect(row.status).toBe('failed');
      expect(row.reason?.message).toMatch(message);
      expect(stageStatus(row).build).toBe('skipped');
      expect(world.registry.requests).toEqual([]);
    },
  );

  it('with a critical finding is blocked before the push, and keeps its evidence', async () => {
    const row = await releaseOf(FILES, {
      scanner: givenScanner({
        findings: [CRITICAL],
        notCovered: ['the system'],
      }),
      environments: [
        environment('staging'),
        environment('production', {
          policy: { block: [{ severity: 'high' }] },
        }),
      ],
    });
    expect(row).toMatchObject({
      status: 'blocked',
      findings: {
        blocking: 1,
        notCovered: ['the system'],
        counts: { critical: 1 },
      },
      reason: {
        code: 'finding-blocked',
        action: 'Upgrade price-format to 1.0.1 and release the new commit.',
      },
    });
    expect(row.reason?.message).toContain(
      'CVE-2026-0001 in price-format 1.0.0 (critical)',
    );
    expect(stageStatus(row)).toMatchObject({
      gate: 'blocked',
      push: 'skipped',
    });
    expect(
      world.registry.requests.filter(request => request.startsWith('PUT')),
    ).toEqual([]);
    const findings = await world.store.blobs.get(row.findingsBlob ?? '');
    expect(JSON.parse(String(findings))).toMatchObject({
      findings: [{ id: 'CVE-2026-0001', decision: 'blocking', image: 'app' }],
      notCovered: ['the system'],
    });
    expect(Object.keys(row.sbomBlobs ?? {})).toEqual(['app']);
  });

  it('is blocked by a rule that only its own definition adds, and not by one of an environment that it does not name', async () => {
    const scanner = givenScanner({
      findings: [{ ...CRITICAL, severity: 'low' }],
    });
    const environments = [
      environment('staging'),
      environment('production'),
      environment('bank', { policy: { block: [{ severity: 'low' }] } }),
    ];
    const row = await releaseOf(FILES, { scanner, environments });
    expect(row.status).toBe('ready');
    await world.stop();
    const tightened = await releaseOf(
      {
        ...FILES,
        'delivery.yaml': `${DEFINITION}policy: { block: [{ severity: low }] }\n`,
      },
      { scanner, environments },
    );
    expect(tightened.status).toBe('blocked');
    expect(tightened.reason?.message).toContain('delivery.yaml');
  });
});

describe('what we could not do', () => {
  const failing = (times: number, message = 'The cable is cut') => {
    const inner = layoutBuilder();
    let left = times;
    const builder: ImageBuilder = {
      ...inner,
      async build(request) {
        if (left > 0) {
          left -= 1;
          throw new Error(message);
        }
        return inner.build(request);
      },
    };
    return builder;
  };

  it('is tried again by itself', async () => {
    const row = await releaseOf(FILES, { builder: failing(3) });
    expect(row.status).toBe('ready');
    expect(row.stages.find(({ stage }) => stage === 'build')?.attempt).toBe(4);
    expect(world.clock.nowMs - row.createdAtMs).toBeGreaterThanOrEqual(36_000);
  });

  it('waits for a person after five tries, whose retry needs no new commit', async () => {
    const row = await releaseOf(FILES, {
      builder: failing(6, 'Cannot reach https://alice:hunter22@registry/'),
    });
    expect(row).toMatchObject({
      status: 'errored',
      reason: {
        code: 'build-errored',
        message: 'Cannot reach https://***@registry/',
      },
    });
    expect(await world.tick(world.runner())).toBe(false);
    await command(row.id, 'retry');
    const after = await world.finish(
      world.runner({ builders: [failing(1)] }),
      row.id,
    );
    expect(after.status).toBe('ready');
    expect(after.reason).toBeUndefined();
    expect(await world.store.commands.getAnswer('retry')).toMatchObject({
      accepted: true,
    });
  });

  it('does not wait for ever: a release that nobody decides on is cancelled', async () => {
    const row = await releaseOf(FILES, { builder: failing(100) });
    expect(row.status).toBe('errored');
    world.clock.nowMs += 8 * 24 * 3_600_000;
    await world.tick(world.runner());
    expect(await world.get(row.id)).toMatchObject({
      status: 'cancelled',
      reason: { code: 'nobody-decided' },
    });
  });

  it('ends at the limit of the stage, also when the stage does not listen', async () => {
    world = await createReleaseWorld();
    world.repository.add(FILES);
    let calls = 0;
    const inner = layoutBuilder();
    const runner = world.runner({
      builders: [
        {
          ...inner,
          async build(request) {
            calls += 1;
            return calls === 1 ? new Promise(() => {}) : inner.build(request);
          },
        },
      ],
      tuning: {
        stageLimitsMs: {
          fetch: 60_000,
          definition: 60_000,
          build: 2_000,
          scan: 60_000,
          gate: 60_000,
          push: 60_000,
          attest: 60_000,
        },
      },
    });
    const { id } = await world.request(runner);
    const row = await world.finish(runner, id);
    expect(row.status).toBe('ready');
    expect(row.checkpoint).toMatchObject({ attempt: 2 });
    expect((await world.logOf(id, 'build'))[1]).toMatch(
      /did not end within 2 s/,
    );
  });

  it('is never taken for done: a registry that has something else under the digest deploys nothing', async () => {
    world = await createReleaseWorld();
    world.repository.add(FILES);
    world.registry.misbehave = (request, response) => {
      if (
        request.method === 'GET' &&
        request.url?.includes('/manifests/sha256:')
      ) {
        response.writeHead(200, {
          'content-type': 'application/vnd.oci.image.manifest.v1+json',
        });
        response.end('{"schemaVersion":2,"evil":true}');
        return true;
      }
      return false;
    };
    const ready = jest.fn();
    const runner = world.runner({ onReady: ready });
    const { id } = await world.request(runner);
    const row = await world.finish(runner, id);
    expect(row.status).toBe('errored');
    expect(row.reason?.code).toBe('push-errored');
    expect(row.reason?.message).toContain('sha256:');
    expect(ready).not.toHaveBeenCalled();
  });

  it('of the attestation is reported and stops nothing', async () => {
    world = await createReleaseWorld();
    world.repository.add(FILES);
    world.registry.misbehave = (request, response) => {
      if (
        request.method === 'GET' &&
        /manifests\/sha256-/.test(request.url ?? '')
      ) {
        response.writeHead(403).end();
        return true;
      }
      return false;
    };
    const runner = world.runner();
    const { id } = await world.request(runner);
    const row = await world.finish(runner, id);
    expect(row.status).toBe('ready');
    expect(row.stages[6].facts).toMatchObject({
      notPublished: 'app provenance, app SBOM',
      signed: false,
    });
  });
});

describe('verbs of people', () => {
  it('cancel stops a stage that runs, and throws its work away', async () => {
    world = await createReleaseWorld();
    world.repository.add(FILES);
    let aborted = false;
    let reached: () => void = () => {};
    const building = new Promise<void>(resolve => {
      reached = resolve;
    });
    const runner = world.runner({
      builders: [
        {
          ...layoutBuilder(),
          build: ({ signal }) =>
            new Promise((_resolve, reject) => {
              reached();
              signal.addEventListener('abort', () => {
                aborted = true;
                reject(new Error('stopped'));
              });
            }),
        },
      ],
      tuning: { commandPollMs: 20 },
    });
    const { id } = await world.request(runner);
    const ticking = world.tick(runner);
    await building;
    await command(id, 'cancel');
    await ticking;
    expect(aborted).toBe(true);
    const row = await world.get(id);
    expect(row).toMatchObject({
      status: 'cancelled',
      reason: { message: 'Cancelled by user:default/alice: because' },
    });
    expect(stageStatus(row)).toMatchObject({
      build: 'cancelled',
      scan: 'skipped',
    });
    expect(await world.store.commands.getAnswer('cancel')).toMatchObject({
      accepted: true,
    });
    expect(await readdir(world.workDirectory)).toEqual([]);

    await command(id, 'retry');
    expect((await world.finish(world.runner(), id)).status).toBe('ready');
    await command(id, 'retry', 'again');
    await command(id, 'cancel', 'too late');
    await world.tick(world.runner());
    expect((await world.get(id)).status).toBe('ready');
    for (const key of ['again', 'too late']) {
      expect(await world.store.commands.getAnswer(key)).toMatchObject({
        accepted: false,
      });
    }
  });

  it('a blocked release can be retried once the platform has decided otherwise', async () => {
    const scanner = givenScanner({ findings: [CRITICAL] });
    const row = await releaseOf(FILES, {
      scanner,
      environments: [
        environment('staging', {
          policy: { block: [{ severity: 'critical' }] },
        }),
        environment('production'),
      ],
    });
    expect(row.status).toBe('blocked');
    await command(row.id, 'retry');
    const lenient = world.runner({
      environments: [environment('staging'), environment('production')],
    });
    expect(await world.finish(lenient, row.id)).toMatchObject({
      status: 'ready',
      findings: { blocking: 0, counts: { critical: 1 } },
    });
  });
});

it('a backend that is stopped in an orderly way gives the stage back without counting it', async () => {
  world = await createReleaseWorld();
  world.repository.add(FILES);
  let reached: () => void = () => {};
  const scanning = new Promise<void>(resolve => {
    reached = resolve;
  });
  const runner = world.runner({
    scanner: {
      id: 'slow',
      scan: () => {
        reached();
        return new Promise(() => {});
      },
    },
  });
  const { id } = await world.request(runner);
  const [lease] = await world.store.work.claim({
    owner: 'one',
    limit: 1,
    leaseMs: 8_000,
  });
  const stopping = new AbortController();
  const ticking = runner.tick(lease, stopping.signal);
  await scanning;
  stopping.abort(new Error('The backend stops'));
  await ticking;
  const row = await world.get(id);
  expect(stageStatus(row)).toMatchObject({ build: 'done', scan: 'pending' });
  expect(row.checkpoint.retry).toBeUndefined();
  // Due at once, for whoever is there.
  expect((await world.finish(world.runner(), id)).checkpoint).toMatchObject({
    attempt: 1,
  });
});

it('what an earlier process left behind is cleaned up', async () => {
  world = await createReleaseWorld();
  world.repository.add(FILES);
  const leftover = join(world.workDirectory, 'f0f0', '1', 'workspace');
  await mkdir(leftover, { recursive: true });
  await writeFile(join(leftover, 'big'), 'x');
  const runner = world.runner();
  await world.request(runner);
  await world.tick(runner);
  expect(await readdir(world.workDirectory)).toEqual([]);
});

describe('logs', () => {
  it('are bounded and redacted', async () => {
    world = await createReleaseWorld();
    world.repository.add(FILES);
    const inner = layoutBuilder();
    const runner = world.runner({
      registry: {
        ...world.registry.access,
        credentials: async () => ({ username: 'u', password: 'correct-horse' }),
      },
      builders: [
        {
          ...inner,
          async build(request) {
            request.log(
              'password: correct-horse\ntoken ghp_0123456789abcdefghij',
            );
            request.log(`\u001b[31m${'x'.repeat(100_000)}\u001b[0m`);
            for (let line = 0; line < 5_000; line += 1) {
              request.log(`line ${line}`);
            }
            return inner.build(request);
          },
        },
      ],
      tuning: {
        logLimits: { maxLines: 1_000, maxBytes: 1_000_000, maxLineLength: 500 },
      },
    });
    const { id } = await world.request(runner);
    expect((await world.finish(runner, id)).status).toBe('ready');
    const lines = await world.logOf(id, 'build');
    expect(lines).toHaveLength(1_001);
    expect(lines.join('\n')).not.toMatch(
      /correct-horse|ghp_0123|(?!\n)\p{Cc}/u,
    );
    expect(lines[3]).toHaveLength(500 + '… (cut)'.length);
    expect(lines[1_000]).toMatch(/the rest is left out/);
  });
});

describe('createRelease and commits', () => {
  it('refuse what names no service, no repository or no commit, without git being asked', async () => {
    world = await createReleaseWorld();
    world.repository.add(FILES);
    const runner = world.runner();
    const request = { service: SERVICE, actor: ALICE, idempotencyKey: 'k' };
    for (const commit of [
      '--upload-pack=evil',
      '',
      'a b',
      'a..b',
      'x\u0000',
      '@{1}',
    ]) {
      await expect(
        runner.createRelease({ ...request, commit }),
      ).rejects.toThrow(/is not a commit/);
    }
    await expect(
      runner.createRelease({ ...request, commit: 'unknown' }),
    ).rejects.toThrow('"unknown" names no commit');
    await expect(
      runner.createRelease({
        ...request,
        commit: 'main',
        service: 'component:default/x',
      }),
    ).rejects.toThrow(/No service "component:default\/x"/);
    const nowhere: SourceFetcher[] = [];
    await expect(
      world
        .runner({ fetchers: nowhere })
        .createRelease({ ...request, commit: 'main' }),
    ).rejects.toThrow(
      /No source fetcher takes care of the repository "memory:shop"/,
    );
    await expect(
      runner.commits(SERVICE, { ref: '-x', limit: 5 }),
    ).rejects.toThrow(/is not a commit/);
    expect(await runner.commits(SERVICE, { limit: 5 })).toHaveLength(1);
    expect((await world.store.releases.list({})).items).toEqual([]);
  });
});
