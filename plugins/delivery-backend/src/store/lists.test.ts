import { InputError } from '@backstage/errors';
import { TestDatabases } from '@backstage/backend-test-utils';
import { Page } from '@slipway/backstage-plugin-delivery-common';
import fc from 'fast-check';
import {
  PRODUCTION,
  SHOP,
  STAGING,
  addShop,
  deploymentRow,
  releaseRow,
  serviceRow,
} from './__fixtures__/rows';
import { createTestStore } from './createStore';
import { DeliveryStore, PageOptions, RowFilter } from './types';

jest.setTimeout(120_000);

const databases = TestDatabases.create();

const OTHER = 'component:default/basket';

async function readAll<T>(
  list: (page: PageOptions) => Promise<Page<T>>,
  page: PageOptions,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const answer = await list({ ...page, cursor });
    items.push(...answer.items);
    cursor = answer.nextCursor;
  } while (cursor !== undefined);
  return items;
}

describe.each(databases.eachSupportedId())('lists on %s', databaseId => {
  async function open(): Promise<DeliveryStore> {
    const store = await createTestStore(await databases.init(databaseId));
    await addShop(store);
    return store;
  }

  it('page through everything once, whatever the page size and however equal the times', async () => {
    const store = await open();
    const times = [5, 1, 5, 5, 2, 9, 9, 1, 5, 7, 5];
    for (const [index, createdAtMs] of times.entries()) {
      await store.releases.create(
        releaseRow({ id: `r-${index}`, createdAtMs }),
      );
      await store.deployments.create(
        deploymentRow({ id: `d-${index}`, createdAtMs }),
      );
    }
    const newestFirst = times
      .map((createdAtMs, index) => ({ createdAtMs, index }))
      .sort(
        (a, b) =>
          b.createdAtMs - a.createdAtMs ||
          (`${a.index}` < `${b.index}` ? 1 : -1),
      )
      .map(({ index }) => index);

    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 12 }), async limit => {
        const releases = await readAll(
          page => store.releases.list({ ...page, service: SHOP }),
          { limit },
        );
        expect(releases.map(release => release.id)).toEqual(
          newestFirst.map(index => `r-${index}`),
        );
        const deployments = await readAll(
          page => store.deployments.list({ ...page, ...STAGING }),
          { limit },
        );
        expect(deployments.map(deployment => deployment.id)).toEqual(
          newestFirst.map(index => `d-${index}`),
        );
      }),
      { numRuns: 12 },
    );
  });

  it('refuse cursors and limits that make no sense, and tell what is expected', async () => {
    const store = await open();
    await store.releases.create(releaseRow());
    await store.releases.create(releaseRow());
    const { nextCursor } = await store.releases.list({ limit: 1 });
    expect(nextCursor).toEqual(expect.any(String));

    const garbage = fc.oneof(
      fc.string(),
      fc.json().map(text => Buffer.from(text).toString('base64url')),
      fc.constant(nextCursor!),
      fc.constant(
        Buffer.from('["deployments",1,"a\\u0000"]').toString('base64url'),
      ),
      fc.constant(
        Buffer.from('["deployments",1e300,"a"]').toString('base64url'),
      ),
    );
    await fc.assert(
      fc.asyncProperty(garbage, async cursor => {
        await expect(store.deployments.list({ cursor })).rejects.toThrow(
          InputError,
        );
      }),
    );
    for (const limit of [0, -1, 201, 1.5, NaN]) {
      await expect(store.services.list({ limit })).rejects.toThrow(
        /expected a whole number from 1 to 200/,
      );
    }
  });

  it('show what the filters and the permissions leave, in SQL', async () => {
    const store = await open();
    await store.services.upsertMany([
      serviceRow({
        ref: OTHER,
        owner: 'group:default/web',
        system: 'system:default/front',
      }),
    ]);
    await store.targets.ensureMany([
      {
        target: { service: OTHER, environment: 'staging' },
        tier: 'staging',
        owner: 'group:default/web',
        system: 'system:default/front',
      },
    ]);
    await store.releases.create(releaseRow({ id: 'shop-1' }));
    await store.releases.create(releaseRow({ id: 'basket-1', service: OTHER }));
    await store.deployments.create(
      deploymentRow({ id: 'd-staging', releaseId: 'shop-1' }),
    );
    await store.deployments.create(
      deploymentRow({ id: 'd-production', ...PRODUCTION, releaseId: 'shop-1' }),
    );
    await store.deployments.create(
      deploymentRow({ id: 'd-basket', service: OTHER, releaseId: 'basket-1' }),
    );
    const ids = (page: Page<{ id: string }>) => page.items.map(item => item.id);

    // An OR inside the filter must not let more through than the rest allows.
    const either: RowFilter = query => {
      query
        .where('owner', 'group:default/web')
        .orWhere('owner', 'group:default/payments');
    };
    expect(
      ids(await store.deployments.list({ service: SHOP, filter: either })),
    ).toEqual(['d-production', 'd-staging']);
    expect(
      ids(
        await store.deployments.list({
          filter: query => {
            query.where({ tier: 'production', environment: 'production' });
          },
        }),
      ),
    ).toEqual(['d-production']);
    expect(
      ids(await store.deployments.list({ releaseId: 'basket-1' })),
    ).toEqual(['d-basket']);
    expect(
      ids(await store.deployments.list({ environment: 'staging' })),
    ).toEqual(['d-basket', 'd-staging']);
    expect(
      ids(
        await store.releases.list({
          filter: query => {
            query.where('system', 'system:default/front');
          },
        }),
      ),
    ).toEqual(['basket-1']);

    const services = await store.services.list({
      owner: 'group:default/payments',
    });
    expect(services.items).toEqual([serviceRow()]);
    const targets = await store.targets.list({ environment: 'staging' });
    expect(targets.items.map(row => row.target.service)).toEqual([OTHER, SHOP]);
    const ofSystem = await store.targets.list({
      system: 'system:default/shop',
      filter: query => {
        query.where('service_ref', SHOP);
      },
    });
    expect(ofSystem.items.map(row => row.target)).toEqual([
      PRODUCTION,
      STAGING,
    ]);
  });

  it('follow a service to its new owner, with its history', async () => {
    const store = await open();
    await store.releases.create(releaseRow());
    await store.deployments.create(deploymentRow());
    const owner = 'group:default/web';
    await store.services.upsertMany([serviceRow({ owner, system: undefined })]);

    const filter: RowFilter = query => {
      query.where({ owner }).whereNull('system');
    };
    expect((await store.services.list({ filter })).items).toHaveLength(1);
    expect((await store.targets.list({ filter })).items).toHaveLength(2);
    expect((await store.releases.list({ filter })).items).toHaveLength(1);
    expect((await store.deployments.list({ filter })).items).toHaveLength(1);

    await store.targets.ensureMany([
      { target: STAGING, tier: 'playground', owner: 'group:default/qa' },
    ]);
    await expect(store.targets.get(STAGING)).resolves.toMatchObject({
      tier: 'playground',
      owner: 'group:default/qa',
      rowVersion: 1,
    });
  });

  it('leave out what the catalog no longer has, and bring it back with its record', async () => {
    const store = await open();
    await store.deployments.create(deploymentRow({ id: 'kept' }));
    const hold = {
      by: { type: 'user' as const, ref: 'user:default/alice' },
      sinceMs: 1,
      reason: 'a rollback',
    };
    await store.targets.setHold(STAGING, hold);
    await store.services.removeMissing([SHOP, 'component:default/unknown']);

    expect((await store.services.list({})).items).toEqual([]);
    expect((await store.targets.list({})).items).toEqual([]);
    await expect(store.services.get(SHOP)).resolves.toBeUndefined();
    await expect(store.targets.get(STAGING)).resolves.toMatchObject({ hold });
    expect((await store.deployments.list({})).items).toHaveLength(1);

    await store.services.upsertMany([serviceRow()]);
    expect((await store.services.list({})).items).toEqual([serviceRow()]);
    expect((await store.targets.list({})).items).toHaveLength(2);
  });

  it('keep what is wrong with a definition until it is right', async () => {
    const store = await open();
    const problem = {
      file: 'delivery.yaml',
      line: 3,
      column: 5,
      expected: 'a percentage',
      found: '"ten"',
    };
    await store.services.setDefinitionError(SHOP, problem);
    await expect(store.services.get(SHOP)).resolves.toMatchObject({
      definitionError: problem,
    });
    await store.services.setDefinitionError(SHOP, undefined);
    const row = await store.services.get(SHOP);
    expect(row?.definitionError).toBeUndefined();
    await expect(
      store.services.setDefinitionError('component:default/none', problem),
    ).rejects.toThrow(/No service component:default\/none/);
  });
});
