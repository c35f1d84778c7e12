import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import {
  HealthCause,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { Plan } from '@slipway/backstage-plugin-delivery-node';
import { file } from './__testUtils__/images';
import { manifestText } from './__testUtils__/services';
import {
  TestWorld,
  bringUp,
  generationOf,
  poll,
  routerUrl,
  startTestWorld,
} from './__testUtils__/world';

jest.setTimeout(180_000);

function target(name: string): TargetRef {
  return { service: `component:default/${name}`, environment: 'staging' };
}

describe('what goes wrong in the local environment is told with its evidence', () => {
  let world: TestWorld;

  beforeAll(async () => {
    world = await startTestWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  async function start(shop: TargetRef, plan: Plan): Promise<void> {
    await world.connection.workloads.ensure(
      shop,
      { epoch: 1, revision: 1 },
      { generation: 'g', plan, track: 'stable', replicas: 1 },
      world.signal,
    );
  }

  async function causeOf(shop: TargetRef, code: string): Promise<HealthCause> {
    return poll(`cause ${code}`, async () => {
      const state = await generationOf(world, shop, 'g');
      return state?.cause?.code === code && state.cause;
    });
  }

  it('calls a process that keeps on ending a crash loop, with its last lines', async () => {
    const shop = target('crash');
    await start(
      shop,
      await world.plan(shop, {
        version: 'crash',
        onStart: `setTimeout(() => { console.error('the till is empty'); process.exit(7); }, 100)`,
      }),
    );
    const cause = await causeOf(shop, 'crash-loop');
    expect(cause.summary).toContain('exit code 7');
    expect(cause.evidence).toContain('the till is empty');
    const state = await generationOf(world, shop, 'g');
    expect(state?.instances[0].restarts).toBeGreaterThanOrEqual(2);
    await world.connection.workloads.remove(
      shop,
      { epoch: 1, revision: 2 },
      'g',
      world.signal,
    );
    await poll('a crashing generation can be removed', async () => {
      return (await generationOf(world, shop, 'g')) === undefined;
    });
  });

  it('keeps the last answer of a readiness probe that never succeeds', async () => {
    const shop = target('never');
    await start(
      shop,
      await world.plan(shop, { version: 'never', ready: 'false' }),
    );
    const cause = await causeOf(shop, 'probe-failing');
    expect(cause.evidence).toMatch(
      /GET http:\/\/127\.0\.0\.1:\d+\/ready answered 503 Service Unavailable: the cellar is locked/,
    );
    expect(await generationOf(world, shop, 'g')).toMatchObject({ ready: 0 });
  });

  it('restarts a process whose liveness probe fails', async () => {
    const shop = target('stuck');
    await start(
      shop,
      await world.plan(
        shop,
        {
          version: 'stuck',
          onStart: `setTimeout(() => { while (true); }, 500)`,
        },
        manifestText({
          graceSeconds: 1,
          livenessProbe:
            '{ httpGet: { path: /live, port: http }, periodSeconds: 1, failureThreshold: 1 }',
        }),
      ),
    );
    const state = await poll('a restart', async () => {
      const now = await generationOf(world, shop, 'g');
      return now && now.instances[0]?.restarts >= 1 && now;
    });
    expect(state.instances[0].cause ?? state.cause).toMatchObject({
      code: 'probe-failing',
      evidence: expect.stringContaining('did not answer within 1000 ms'),
    });
  });

  it('lets requests in flight end before SIGTERM, and kills only after the grace period', async () => {
    const shop = target('stubborn');
    await bringUp(world, shop, {
      generation: 'g',
      plan: await world.plan(
        shop,
        {
          version: 'stubborn',
          respond: `console.log('a customer comes in'); setTimeout(() => response.end('{"version":"late"}'), 1500)`,
          onTerm: `console.log('I stay')`,
        },
        manifestText({ graceSeconds: 2 }),
      ),
      revision: 1,
      shares: [{ generation: 'g', percent: 100 }],
    });
    const answer = fetch(await routerUrl(world, shop));
    const [instance] = (await generationOf(world, shop, 'g'))?.instances ?? [];
    await poll('the request is in flight', async () => {
      const chunk = await world.connection.logs?.read(
        { target: shop, limit: 100, waitMs: 0 },
        world.signal,
      );
      return chunk?.lines.some(({ text }) => text === 'a customer comes in');
    });
    await world.connection.workloads.remove(
      shop,
      { epoch: 1, revision: 2 },
      'g',
      world.signal,
    );
    expect(await (await answer).json()).toEqual({ version: 'late' });
    await poll('the process is gone', async () => {
      return (await generationOf(world, shop, 'g')) === undefined;
    });
    const chunk = await world.connection.logs?.read(
      { target: shop, instance: instance.id, limit: 100, waitMs: 0 },
      world.signal,
    );
    const texts = chunk?.lines.map(({ text }) => text) ?? [];
    expect(texts).toEqual(
      expect.arrayContaining([
        'asked to stop',
        'I stay',
        'Did not end within 2000 ms after SIGTERM; killing it',
      ]),
    );
    expect(texts.indexOf('asked to stop')).toBeLessThan(
      texts.indexOf('Did not end within 2000 ms after SIGTERM; killing it'),
    );
  });

  it.each(['manifests', 'blobs'] as const)(
    'refuses an image when the registry lies about its %s',
    async kind => {
      world.registry.tamper = (asked, bytes) =>
        asked === kind
          ? Buffer.concat([bytes.subarray(0, -1), Buffer.from('!')])
          : bytes;
      const entries = [file('app/server.js', `exports.${kind} = true;`)];
      await expect(world.plan(target('liar'), entries)).rejects.toThrow(
        /digest|sha256/,
      );
      world.registry.tamper = undefined;
      await expect(world.plan(target('liar'), entries)).resolves.toMatchObject({
        replicas: 1,
      });
    },
  );

  it.each([
    ['an entry with ..', [file('app/../../escape.js', 'x')]],
    [
      'a link out of the image',
      [
        file('app/server.js', 'x'),
        { type: 'symlink' as const, path: 'app/out', target: '../../../etc' },
      ],
    ],
  ])('refuses an image with %s', async (_what, entries) => {
    await expect(world.plan(target('escape'), entries)).rejects.toThrow(
      /escape|out|\.\./,
    );
  });

  it.each([
    [
      'another program',
      { Entrypoint: ['/bin/sh', '-c'] },
      /entrypoint is "\/bin\/sh"/,
    ],
    ['nothing at all', { Entrypoint: [], Cmd: [] }, /neither an entrypoint/],
    [
      'a script that is not there',
      { Cmd: ['gone.js'] },
      /"gone.js", which is not in the image/,
    ],
    [
      'a script outside',
      { Cmd: ['../../../../../../etc/hostname'] },
      /out of the image|not in the image/,
    ],
    [
      'a folder that is not there',
      { WorkingDir: '/nowhere' },
      /no folder "\/nowhere"/,
    ],
  ])(
    'says before the deployment that an image that runs %s is not runnable',
    async (_what, config, message) => {
      const entries = [file('app/server.js', 'x')];
      await expect(
        world.plan(target('refused'), entries, manifestText(), config),
      ).rejects.toThrow(message);
    },
  );

  it('says which secret is missing, and takes it from the private file', async () => {
    const shop = target('secretive');
    const manifests = manifestText({
      env: '{ name: API_KEY, valueFrom: { secretKeyRef: { name: till, key: api } } }',
    });
    const plan = () => world.plan(shop, { version: 's' }, manifests);
    const writeSecrets = (environment: string, secrets: object) =>
      writeFile(
        `${world.dataDirectory}/secrets/${environment}.json`,
        JSON.stringify(secrets),
        { mode: 0o600 },
      );
    await expect(plan()).rejects.toThrow(/key "api" of secret "till"/);
    const folder = `${world.dataDirectory}/secrets`;
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/staging.json`, '{"till":{"api":"hush"}}', {
      mode: 0o644,
    });
    await expect(plan()).rejects.toThrow(/chmod 600/);
    await chmod(`${folder}/staging.json`, 0o600);
    const secretive = await plan();
    // A rollback would not bring its value back, which the Plan does not hold:
    // of it there is a version, which is another one once the value is.
    const versionNow = async (environment = 'staging') => {
      const { references = [] } = await world.connection.workloads.inspect(
        secretive.objects,
        secretive.images,
        { ...shop, environment },
      );
      expect(references).toEqual([
        {
          kind: 'Secret',
          name: 'till',
          restorable: false,
          version: expect.stringMatching(/^[0-9a-f]{16}$/),
          detail: 'key api',
        },
      ]);
      return references[0].version;
    };
    const version = await versionNow();
    await writeSecrets('staging', { till: { api: 'louder', spare: 'x' } });
    const changed = await versionNow();
    expect(changed).not.toBe(version);
    await writeSecrets('production', { till: { api: 'hush' } });
    expect(await versionNow('production')).not.toBe(version);
    await writeSecrets('staging', { till: { api: 'hush', spare: 'y' } });
    expect(await versionNow()).toBe(version);
    const kept = await readFile(
      `${world.dataDirectory}/locald/state.json`,
      'utf8',
    );
    expect(kept).not.toContain('hush');
    await bringUp(world, shop, {
      generation: 'g',
      plan: secretive,
      revision: 1,
      shares: [{ generation: 'g', percent: 100 }],
    });
    const response = await fetch(await routerUrl(world, shop));
    const { env } = await response.json();
    expect(env).toMatchObject({
      API_KEY: 'hush',
      SHOP_NAME: 'The little tea shop',
      FROM_IMAGE: 'image',
    });
    expect(Object.keys(env)).not.toContain('NODE_ENV');
  });
});
