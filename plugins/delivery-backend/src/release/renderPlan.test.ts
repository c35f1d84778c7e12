import {
  Connection,
  plainRenderer,
  PlanObject,
  PlanReference,
  Renderer,
} from '@slipway/backstage-plugin-delivery-node';
import { ReleaseRow } from '../store';
import { encodeBundle } from './bundle';
import { renderPlan } from './renderPlan';
import {
  createReleaseWorld,
  FILES,
  MANIFEST,
  ReleaseWorld,
} from './__testUtils__/world';

jest.setTimeout(60_000);

let world: ReleaseWorld;
let release: ReleaseRow;

beforeEach(async () => {
  world = await createReleaseWorld();
  world.repository.add(FILES);
  const runner = world.runner();
  const { id } = await world.request(runner);
  release = await world.finish(runner, id);
  if (release.status !== 'ready') {
    throw new Error(release.reason?.message);
  }
});

afterEach(() => world.stop());

/** The parts of a connection that rendering needs. */
function connection(
  renderers: Renderer[] = [plainRenderer],
  seen: PlanObject[] = [],
): Connection {
  const refuse = (): never => {
    throw new Error('Rendering changes nothing in the world');
  };
  return {
    type: 'local',
    name: 'default',
    notices: () => [],
    renderers,
    workloads: {
      fencing: 'compare-and-set',
      async inspect(objects) {
        seen.push(...objects);
        return { replicas: 2, ignored: ['spec.strategy'] };
      },
      ensure: refuse,
      observe: refuse,
      remove: refuse,
    },
    traffic: {
      fencing: 'compare-and-set',
      capabilities: refuse,
      request: refuse,
      observe: refuse,
    },
    live: { watch: refuse },
    metrics: [],
  };
}

const render = (
  environment: string = 'staging',
  given: Connection = connection(),
  row: ReleaseRow = release,
) =>
  renderPlan({
    release: row,
    environment,
    connection: given,
    store: world.store,
    signal: new AbortController().signal,
  });

it('renders a release by digest, the same way each time, and keeps the Plan', async () => {
  const seen: PlanObject[] = [];
  const plan = await render('staging', connection(undefined, seen));
  const [{ digest }] = release.images;
  expect(plan).toMatchObject({
    target: { service: release.service, environment: 'staging' },
    releaseId: release.id,
    images: {
      app: `${world.registry.access.host}/shop/checkout:${release.version}@${digest}`,
    },
    replicas: 2,
    ignored: ['spec.strategy'],
  });
  expect(plan.id).toMatch(/^[0-9a-f]{64}$/);
  expect(plan.objects[0].bytes.toString()).toContain(`@${digest}`);
  expect(seen).toEqual(plan.objects);
  expect(await render()).toEqual(plan);
  expect(await world.store.plans.get(plan.id)).toEqual(plan);
  expect((await render('production')).id).not.toBe(plan.id);
});

it('has another id as soon as anything that it says is different', async () => {
  const plan = await render();
  const other = await world.store.blobs.put(
    encodeBundle(
      new Map([
        ['deploy/checkout.yaml', Buffer.from(MANIFEST.replace('2', '3'))],
      ]),
    ),
  );
  const changed = await render('staging', connection(), {
    ...release,
    bundleBlob: other,
  });
  expect(changed.id).not.toBe(plan.id);
});

it('keeps what it refers to, and has another id only for what comes back with it', async () => {
  const withReference = async (reference?: PlanReference) => {
    const given = connection();
    const { inspect } = given.workloads;
    return await render('staging', {
      ...given,
      workloads: {
        ...given.workloads,
        inspect: async (...args) => ({
          ...(await inspect(...args)),
          ...(reference ? { references: [reference] } : {}),
        }),
      },
    });
  };
  const plain = await withReference();
  const versioned = { kind: 'Secret', name: 'till-v3', restorable: true };
  const pinned = await withReference({ ...versioned, version: '3' });
  const next = await withReference({ ...versioned, version: '4' });
  expect(new Set([plain.id, pinned.id, next.id]).size).toBe(3);
  expect(await world.store.plans.get(pinned.id)).toEqual(pinned);
  const { references, ignored } = await world.store.plans.remarks(pinned.id);
  expect(ignored).toEqual(pinned.ignored);
  expect(references).toEqual([{ ...versioned, version: '3' }]);
  expect(await world.store.plans.remarks('gone')).toEqual({
    references: [],
    ignored: [],
  });
  // What is only observed changes without us.
  const observed = { kind: 'Secret', name: 'till', restorable: false };
  expect((await withReference({ ...observed, version: '1' })).id).toBe(
    plain.id,
  );
});

it('takes the jobs that hooks name out of the ordinary objects, and refuses those that are not there', async () => {
  const hooked = (job: string): ReleaseRow => ({
    ...release,
    definition: release.definition && {
      ...release.definition,
      environments: release.definition.environments.map(model => ({
        ...model,
        hooks: [{ job, at: 'before' as const, deadlineMs: 60_000 }],
      })),
    },
  });
  const lax: Renderer = {
    id: 'plain',
    render: async () => [
      {
        id: 'batch/v1/Job/migrate',
        mediaType: 'application/yaml',
        bytes: Buffer.from('{ kind: Job, metadata: { name: migrate } }'),
      },
    ],
  };
  const given = connection([lax]);
  await expect(render('staging', given, hooked('migrate'))).rejects.toThrow(
    /"staging" \(local\) runs no jobs, and .*hooks names "migrate"/,
  );
  const inspected: string[] = [];
  const refused = async (): Promise<never> => {
    throw new Error('Rendering runs nothing');
  };
  const withJobs: Connection = {
    ...given,
    jobs: {
      fencing: 'compare-and-set',
      inspect: async (_objects, _images, _target, job) => {
        inspected.push(job);
      },
      start: refused,
      observe: refused,
      stop: refused,
    },
  };
  const plan = await render('staging', withJobs, hooked('migrate'));
  expect(plan.jobs).toEqual(['migrate']);
  expect(inspected).toEqual(['migrate']);
  expect(await world.store.plans.get(plan.id)).toEqual(plan);
  expect(plan.id).not.toBe((await render('staging', withJobs)).id);
  await expect(render('staging', withJobs, hooked('seed'))).rejects.toThrow(
    /hooks names the job "seed", which the manifests do not hold; they hold "migrate"/,
  );
});

it('refuses what the release, the environment or its connection does not have', async () => {
  await expect(render('bank')).rejects.toThrow(
    /no environment "bank"; its definition names staging, production/,
  );
  await expect(render('staging', connection([]))).rejects.toThrow(
    /cannot render plain manifests/,
  );
  await expect(
    render('staging', connection(), { ...release, bundleBlob: undefined }),
  ).rejects.toThrow(/deploy bundle of release .* is no longer kept/);
  await expect(
    render('staging', connection(), {
      ...release,
      checkpoint: { ...release.checkpoint, pushes: {} },
    }),
  ).rejects.toThrow(/was not pushed/);
});

it.each([
  [
    'a Secret with values',
    { apiVersion: 'v1', kind: 'Secret', data: { a: 'b' } },
    /a Secret with its values/,
  ],
  [
    'an image of its own',
    {
      apiVersion: 'v1',
      kind: 'Pod',
      spec: { containers: [{ image: 'nginx' }] },
    },
    /image "nginx" is none of the definition's/,
  ],
])(
  'does not trust a renderer that lets through %s',
  async (_what, object, message) => {
    const lax: Renderer = {
      id: 'plain',
      render: async () => [
        {
          id: 'v1/Thing/x',
          mediaType: 'application/yaml',
          bytes: Buffer.from(JSON.stringify(object)),
        },
      ],
    };
    await expect(render('staging', connection([lax]))).rejects.toThrow(message);
  },
);
