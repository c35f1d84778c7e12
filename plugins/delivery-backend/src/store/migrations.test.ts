import { readdirSync } from 'node:fs';
import { TestDatabases, mockServices } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  addShop,
  deploymentRow,
  releaseRow,
  STAGING,
} from './__fixtures__/rows';
import { createStore, createTestStore } from './createStore';
import { migrationsDirectory } from './migrate';

jest.setTimeout(120_000);

const databases = TestDatabases.create();

async function tablesOf(knex: Knex): Promise<string[]> {
  const names: string[] =
    knex.client.config.client === 'pg'
      ? await knex('information_schema.tables')
          .where({ table_schema: 'public' })
          .pluck('table_name')
      : await knex('sqlite_master').where({ type: 'table' }).pluck('name');
  return names
    .filter(name => !/^(knex_|sqlite_)/.test(name))
    .sort((a, b) => (a < b ? -1 : 1));
}

describe.each(databases.eachSupportedId())('migrations on %s', databaseId => {
  it('go up and down again, one by one, with data in the tables', async () => {
    const knex = await databases.init(databaseId);
    const config = { directory: migrationsDirectory() };
    const files = readdirSync(config.directory).sort((a, b) =>
      a < b ? -1 : 1,
    );
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      expect(file).toMatch(/^\d{14}_[a-z0-9_]+\.js$/);
    }

    for (const _ of files) {
      await knex.migrate.up(config);
    }
    const tables = await tablesOf(knex);
    expect(tables).toContain('deployments');

    const store = await createTestStore(knex);
    await addShop(store);
    await store.releases.create(releaseRow());
    const deployment = await store.deployments.create(deploymentRow());
    await store.deployments.addEvents([
      {
        id: 'e',
        atMs: 1,
        type: 't',
        message: 'm',
        level: 'info',
        ...STAGING,
        deploymentId: deployment.id,
      },
    ]);
    await store.blobs.put(Buffer.from('bytes'));

    for (const _ of files) {
      await knex.migrate.down(config);
    }
    await expect(tablesOf(knex)).resolves.toEqual([]);
    await knex.migrate.latest(config);
    await expect(tablesOf(knex)).resolves.toEqual(tables);
    await expect(knex('deployments')).resolves.toEqual([]);
  });

  it('are left alone when the platform says so', async () => {
    const knex = await databases.init(databaseId);
    const store = await createStore({
      database: mockServices.database({ knex, migrations: { skip: true } }),
      logger: mockServices.logger.mock(),
    });
    await expect(tablesOf(knex)).resolves.toEqual([]);
    await store.close();
  });

  it('go on after a backend that was killed while it migrated', async () => {
    const knex = await databases.init(databaseId);
    await createTestStore(knex);
    await knex('knex_migrations_lock').update({ is_locked: 1 });
    await expect(createTestStore(knex)).resolves.toBeDefined();
  });

  it('are run once by backends that start at the same time', async () => {
    const knex = await databases.init(databaseId);
    // SQLite has one backend, see singleBackend.test.ts.
    const backends = knex.client.config.client === 'pg' ? 4 : 1;
    await Promise.all(
      Array.from({ length: backends }, () => createTestStore(knex)),
    );
    await expect(knex('feed_trim')).resolves.toHaveLength(1);
  });
});
