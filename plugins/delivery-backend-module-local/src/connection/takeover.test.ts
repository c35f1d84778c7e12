import { readFile, rm } from 'node:fs/promises';
import { mockServices } from '@backstage/backend-test-utils';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { StaleEpochError } from '@slipway/backstage-plugin-delivery-node';
import { ensureLocald } from '../locald';
import { processStart } from '../locald/processes';
import { disguiseAsOlder } from './__testUtils__/olderLocald';
import {
  TestWorld,
  bringUp,
  generationOf,
  poll,
  routerUrl,
  startTestWorld,
} from './__testUtils__/world';

jest.setTimeout(180_000);

describe('slipway-locald outlives its callers, and its services outlive it', () => {
  const shop: TargetRef = {
    service: 'component:default/shop',
    environment: 'production',
  };
  let world: TestWorld;

  beforeEach(async () => {
    world = await startTestWorld();
  });
  afterEach(async () => {
    await world?.close();
  });

  async function up(generation: string, revision: number, epoch = 1) {
    const plan = await world.plan(shop, { version: generation });
    await bringUp(world, shop, {
      generation,
      plan,
      revision,
      epoch,
      shares: [{ generation, percent: 100 }],
    });
    return plan;
  }

  async function answer() {
    const response = await fetch(await routerUrl(world, shop));
    if (response.status !== 200) {
      throw new Error(await response.text());
    }
    return response.json();
  }

  it('is started once for a data directory, whoever asks at the same time', async () => {
    const logger = mockServices.logger.mock();
    const endpoints = await Promise.all(
      Array.from({ length: 4 }, () =>
        ensureLocald({ dataDirectory: world.dataDirectory, logger }),
      ),
    );
    expect(new Set(endpoints.map(({ pid }) => pid)).size).toBe(1);
    expect(await world.localdPid()).toBe(endpoints[0].pid);
  });

  it('takes over what ran when it is killed, without restarting it', async () => {
    await up('one', 1);
    const before = await answer();
    const url = await routerUrl(world, shop);
    const killed = await world.localdPid();
    process.kill(killed, 'SIGKILL');
    await poll('it is dead', async () => !(await processStart(killed)));
    expect(await processStart(before.pid)).toBeDefined();

    const after = await poll('the service answers again', answer);
    expect(after).toMatchObject({ version: 'one', pid: before.pid });
    expect(await routerUrl(world, shop)).toBe(url);
    expect(await world.localdPid()).not.toBe(killed);
    expect(await generationOf(world, shop, 'one')).toMatchObject({
      ready: 1,
      instances: [{ restarts: 0 }],
    });
    await poll('the log goes on', async () => {
      const chunk = await world.connection.logs?.read(
        { target: shop, limit: 100, waitMs: 0 },
        world.signal,
      );
      const texts = chunk?.lines.map(({ text }) => text) ?? [];
      return (
        texts.filter(text => text === 'version one listens').length === 1 &&
        texts.some(text => text.startsWith('Taken over again'))
      );
    });
  });

  it('replaces one of an older protocol, and goes on with its services', async () => {
    await up('one', 1);
    const before = await answer();
    const url = await routerUrl(world, shop);
    const replaced = await world.localdPid();
    const older = await disguiseAsOlder(world.dataDirectory, 2);
    try {
      const logger = mockServices.logger.mock();
      const { dataDirectory } = world;
      const found = await ensureLocald({ dataDirectory, logger });
      expect(found.pid).not.toBe(replaced);
      expect(older.asked).toContain('POST /v1/shutdown?instances=keep');
      expect(logger.info).toHaveBeenCalledWith(
        expect.stringMatching(/speaks protocol 2, this backend \d+; replacing/),
      );
      expect(await processStart(replaced)).toBeUndefined();
      expect(await poll('the service answers again', answer)).toMatchObject({
        version: 'one',
        pid: before.pid,
      });
      expect(await routerUrl(world, shop)).toBe(url);
      expect(await generationOf(world, shop, 'one')).toMatchObject({
        ready: 1,
        instances: [{ restarts: 0 }],
      });
      // What the older one could not do, it does.
      const route = {
        type: 'headers' as const,
        generation: 'one',
        headers: [{ name: 'x-canary', value: 'always' }],
      };
      await world.connection.traffic.request(
        shop,
        { epoch: 1, revision: 2 },
        [{ generation: 'one', percent: 100 }],
        world.signal,
        [route],
      );
      expect(
        await world.connection.traffic.observe(shop, world.signal),
      ).toMatchObject({ known: { routes: [route] } });
    } finally {
      await older.close();
    }
  });

  it('starts again what died while it was away', async () => {
    await up('one', 1);
    const before = await answer();
    const killed = await world.localdPid();
    process.kill(killed, 'SIGKILL');
    process.kill(before.pid, 'SIGKILL');
    await poll('both are dead', async () => {
      return !(await processStart(killed)) && !(await processStart(before.pid));
    });
    const after = await poll('the service answers again', answer);
    expect(after).toMatchObject({ version: 'one' });
    expect(after.pid).not.toBe(before.pid);
  });

  it('refuses the writes of an older epoch, also after its own restart', async () => {
    const plan = await up('one', 1, 7);
    const { workloads, traffic } = world.connection;
    const attempts = () => [
      workloads.ensure(
        shop,
        { epoch: 6, revision: 99 },
        { generation: 'old', plan, track: 'stable', replicas: 1 },
        world.signal,
      ),
      workloads.remove(shop, { epoch: 6, revision: 99 }, 'one', world.signal),
      traffic.request(shop, { epoch: 6, revision: 99 }, [], world.signal),
    ];
    for (const attempt of attempts()) {
      await expect(attempt).rejects.toMatchObject({
        name: 'StaleEpochError',
        ours: 6,
        theirs: 7,
      });
      await expect(attempt).rejects.toBeInstanceOf(StaleEpochError);
    }
    process.kill(await world.localdPid(), 'SIGKILL');
    for (const attempt of attempts()) {
      await expect(attempt).rejects.toMatchObject({ theirs: 7 });
    }
    expect(await poll('it answers', answer)).toMatchObject({ version: 'one' });
    expect(await generationOf(world, shop, 'old')).toBeUndefined();
  });

  it('refuses a request of the same epoch that was overtaken', async () => {
    await up('one', 5);
    await expect(
      world.connection.traffic.request(
        shop,
        { epoch: 1, revision: 4 },
        [],
        world.signal,
      ),
    ).rejects.toThrow(/Revision 4 .* after revision 5/);
    expect(await answer()).toMatchObject({ version: 'one' });
  });

  it('stops everything gracefully when it is asked to', async () => {
    await up('one', 1);
    const { pid } = await answer();
    const locald = await world.localdPid();
    process.kill(locald, 'SIGTERM');
    await poll('both have ended', async () => {
      return !(await processStart(pid)) && !(await processStart(locald));
    });
    // Whoever asks next starts it again, with everything that is wanted.
    expect(await poll('it answers again', answer)).toMatchObject({
      version: 'one',
    });
  });

  it('ends with everything it runs when its data directory is deleted', async () => {
    await up('one', 1);
    const { pid } = await answer();
    const locald = await world.localdPid();
    await rm(world.dataDirectory, { recursive: true, maxRetries: 10 });
    await poll('both have ended', async () => {
      return !(await processStart(pid)) && !(await processStart(locald));
    });
    expect(await processStart(pid)).toBeUndefined();
  });

  it('answers only those who can read its token', async () => {
    await up('one', 1);
    const { port } = JSON.parse(
      await readFile(`${world.dataDirectory}/locald/address.json`, 'utf8'),
    );
    for (const authorization of ['', 'Bearer guess']) {
      const response = await fetch(`http://127.0.0.1:${port}/v1/health`, {
        headers: { authorization },
      });
      expect(response.status).toBe(401);
    }
  });
});
