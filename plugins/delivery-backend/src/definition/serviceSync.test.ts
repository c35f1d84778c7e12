import { mockServices } from '@backstage/backend-test-utils';
import { Entity } from '@backstage/catalog-model';
import { QueryEntitiesRequest } from '@backstage/catalog-client';
import { SourceFetcher } from '@slipway/backstage-plugin-delivery-node';
import knexFactory, { Knex } from 'knex';
import { createTestStore, DeliveryStore } from '../store';
import { Abilities, createServiceSync, EnvironmentConfig } from '.';
import { abilities, notStarted } from './__testUtils__/abilities';
import { repositoryOfUrl } from './serviceEntity';

const SHA = 'a'.repeat(40);
const GOOD = `apiVersion: delivery.slipway.dev/v1alpha1
kind: Delivery
images: [{ name: app, repository: shop/hello }]
environments: [{ ref: staging }]
`;

const environment = (name: string): EnvironmentConfig => ({
  name,
  title: name,
  tier: `${name}-tier`,
  connection: { type: 'local', name: 'default' },
  automation: true,
  queue: 'supersede',
  policy: { block: [] },
  order: 0,
});

function component(
  name: string,
  annotations: Record<string, string> = {},
): Entity {
  return {
    apiVersion: 'backstage.io/v1alpha1',
    kind: 'Component',
    metadata: {
      name,
      annotations: {
        'slipway.dev/definition': 'delivery.yaml',
        'slipway.dev/repository': 'memory:shop',
        ...annotations,
      },
    },
    relations: [
      { type: 'ownedBy', targetRef: 'group:default/shop' },
      { type: 'partOf', targetRef: 'domain:default/all' },
      { type: 'partOf', targetRef: 'system:default/storefront' },
    ],
  };
}

/** Answers pages of two, filtered by the annotation as the catalog does. */
class FakeCatalog {
  entities: Entity[] = [];
  broken = false;

  async queryEntities(request: QueryEntitiesRequest = {}) {
    const start = 'cursor' in request ? Number(request.cursor) : 0;
    if (this.broken && start > 0) {
      throw new Error('The catalog is away');
    }
    const matching = this.entities.filter(
      entity => entity.metadata.annotations?.['slipway.dev/definition'],
    );
    return {
      items: matching.slice(start, start + 2),
      totalItems: matching.length,
      pageInfo:
        start + 2 < matching.length ? { nextCursor: `${start + 2}` } : {},
    };
  }
}

class FakeFetcher implements SourceFetcher {
  readonly id = 'fake';
  files: Record<string, string> = { 'delivery.yaml': GOOD };
  sha = SHA;
  broken = false;
  reads = 0;

  handles = (repository: string) => repository === 'memory:shop';

  async resolve() {
    if (this.broken) {
      throw new Error('The repository is away');
    }
    return { sha: this.sha, message: '', author: '', committedAtMs: 0 };
  }

  async readFile(_source: unknown, _sha: string, path: string) {
    this.reads += 1;
    const content = this.files[path];
    return content === undefined ? undefined : Buffer.from(content);
  }

  async log(): Promise<never> {
    throw new Error('Not asked for');
  }

  async fetch(): Promise<never> {
    throw new Error('Not asked for');
  }
}

let knex: Knex;
let store: DeliveryStore;
let catalog: FakeCatalog;
let fetcher: FakeFetcher;

beforeEach(async () => {
  knex = knexFactory({
    client: 'better-sqlite3',
    connection: ':memory:',
    useNullAsDefault: true,
    pool: { min: 1, max: 1 },
  });
  store = await createTestStore(knex);
  catalog = new FakeCatalog();
  fetcher = new FakeFetcher();
});

afterEach(async () => {
  await store.close();
  await knex.destroy();
});

function sync(
  fetchers?: SourceFetcher[],
  connections?: ReadonlyMap<string, Abilities>,
) {
  return createServiceSync({
    connections,
    catalog,
    auth: mockServices.auth(),
    store,
    environments: [environment('staging'), environment('production')],
    scheduler: mockServices.scheduler.mock(),
    logger: mockServices.logger.mock(),
    fetchers,
  });
}

const refs = async () =>
  (await store.services.list({})).items.map(({ ref }) => ref);
const targets = async () =>
  (await store.targets.list({})).items.map(
    ({ target }) => `${target.service.split('/')[1]}@${target.environment}`,
  );

it('takes every page of components that carry the annotation, with owner, system and repository', async () => {
  catalog.entities = [
    ...['a', 'b', 'c', 'd', 'e'].map(name => component(name)),
    { ...component('other'), metadata: { name: 'other' } },
  ];
  await sync().refresh();
  expect(await refs()).toEqual(
    ['a', 'b', 'c', 'd', 'e'].map(name => `component:default/${name}`),
  );
  expect(await store.services.get('component:default/a')).toMatchObject({
    name: 'a',
    owner: 'group:default/shop',
    system: 'system:default/storefront',
    repository: 'memory:shop',
    definitionPath: 'delivery.yaml',
  });
  expect(await targets()).toHaveLength(10);
  expect(
    await store.targets.get({
      service: 'component:default/a',
      environment: 'production',
    }),
  ).toMatchObject({ tier: 'production-tier', owner: 'group:default/shop' });
});

it('removes what left the catalog, but only after having read all of it', async () => {
  catalog.entities = ['a', 'b', 'c'].map(name => component(name));
  const one = sync();
  await one.refresh();
  catalog.entities = ['a', 'b', 'd'].map(name => component(name));
  catalog.broken = true;
  await expect(one.refresh()).rejects.toThrow('The catalog is away');
  expect(await refs()).toHaveLength(3);
  catalog.broken = false;
  await one.refresh();
  expect((await refs()).map(ref => ref.split('/')[1])).toEqual(['a', 'b', 'd']);
});

it.each([
  ['../../etc/passwd'],
  ['/etc/passwd'],
  ['a/../../b'],
  ['a\\b'],
  [' '],
])('takes no component whose definition would lie at "%s"', async path => {
  catalog.entities = [component('a', { 'slipway.dev/definition': path })];
  await sync().refresh();
  expect(await refs()).toEqual([]);
});

it('shows what is wrong with the definition of the default branch, until it is corrected', async () => {
  catalog.entities = [component('a'), component('b')];
  fetcher.files = { 'delivery.yaml': GOOD.replace('staging', 'stagin') };
  const one = sync([fetcher]);
  await one.refresh();
  expect(await store.services.get('component:default/a')).toMatchObject({
    definitionError: { line: 4, column: 23, hint: 'Did you mean "staging"?' },
  });
  expect(await targets()).toEqual([]);

  // The same commit is not read again, and unknown is not "corrected".
  const { reads } = fetcher;
  await one.refresh();
  expect(fetcher.reads).toBe(reads);
  fetcher.broken = true;
  await one.refresh();
  expect(
    (await store.services.get('component:default/a'))?.definitionError,
  ).toBeDefined();

  fetcher.broken = false;
  fetcher.sha = 'b'.repeat(40);
  fetcher.files = { 'delivery.yaml': GOOD };
  await one.refresh();
  expect(
    (await store.services.get('component:default/a'))?.definitionError,
  ).toBeUndefined();
  expect(await targets()).toEqual(['a@staging', 'b@staging']);

  fetcher.sha = 'c'.repeat(40);
  fetcher.files = {};
  await one.refresh();
  expect(await store.services.get('component:default/a')).toMatchObject({
    definitionError: { file: 'delivery.yaml', found: 'no such file' },
  });
});

it('shows what an environment cannot do as soon as its connection can be asked, of the same commit', async () => {
  catalog.entities = [component('a')];
  fetcher.files = {
    'delivery.yaml': `${GOOD}defaults: { strategy: { rolling: { maxSurge: 0.5% } } }\n`,
  };
  const connections = new Map([['staging', notStarted()]]);
  const one = sync([fetcher], connections);
  const wrong = async () => {
    await one.refresh();
    return (await store.services.get('component:default/a'))?.definitionError;
  };
  expect(await wrong()).toBeUndefined();
  connections.set('staging', abilities({ leads: true }));
  expect(await wrong()).toMatchObject({
    line: 5,
    path: 'defaults.strategy.rolling.maxSurge',
    found: '0.5%',
  });
});

it('reads repository and branch from the address of the entity itself', () => {
  expect(repositoryOfUrl('https://git.example.com/shop/hello')).toEqual({
    repository: 'https://git.example.com/shop/hello',
  });
  expect(
    repositoryOfUrl('https://git.example.com/shop/hello/tree/main/services/a/'),
  ).toEqual({
    repository: 'https://git.example.com/shop/hello',
    defaultBranch: 'main',
  });
  expect(
    repositoryOfUrl('https://git.example.com/g/s/hello/-/blob/dev/x.yaml'),
  ).toEqual({
    repository: 'https://git.example.com/g/s/hello',
    defaultBranch: 'dev',
  });
});
