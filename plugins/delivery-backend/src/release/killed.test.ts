import { givenScanner, layoutBuilder } from './__testUtils__/ports';
import { Mortal } from './__testUtils__/mortal';
import { createReleaseWorld, FILES, ReleaseWorld } from './__testUtils__/world';

jest.setTimeout(300_000);

const ONE_LEASE_MS = 10_000;

/** Makes a release; the first process dies at the given step, a second one goes on. */
async function releaseKilledAt(
  diesAt: number,
  options: { otherMachine?: boolean } = {},
): Promise<{ world: ReleaseWorld; mortal: Mortal; readied: string[] }> {
  const world = await createReleaseWorld();
  world.repository.add(FILES);
  const mortal = new Mortal(diesAt);
  const readied: string[] = [];
  const readyKey = async (id: string) => {
    // Written with the release: counts what was committed, not what was tried.
    readied.push(id);
  };
  const first = world.runner({
    store: mortal.wrapStore(world.store),
    fetchers: [mortal.wrap(world.repository, 'fetcher')],
    builders: [mortal.wrap(layoutBuilder(), 'builder')],
    scanner: mortal.wrap(givenScanner(), 'scanner'),
    onReady: async ({ id }) => readyKey(id),
  });
  const { id } = await world.request(world.runner());
  const ticking = world.tick(first, 'first');
  await Promise.race([ticking, mortal.death]);
  if (mortal.isDead) {
    world.clock.nowMs += ONE_LEASE_MS;
    const second = world.runner({
      onReady: async release => readyKey(release.id),
      ...(options.otherMachine && {
        workDirectory: `${world.workDirectory}/other`,
      }),
    });
    await world.finish(second, id);
  }
  return { world, mortal, readied };
}

async function expectReadyOnce(world: ReleaseWorld, readied: string[]) {
  const { items } = await world.store.releases.list({});
  expect(items).toHaveLength(1);
  const [{ id }] = items;
  const row = await world.get(id);
  expect(row.reason).toBeUndefined();
  expect(row.status).toBe('ready');
  expect(row.stages.map(({ status }) => status)).toEqual(Array(7).fill('done'));
  expect(readied).toEqual([id]);
  const [image] = row.images;
  expect(
    world.registry.manifests.has(`${image.repository}@${image.digest}`),
  ).toBe(true);
  expect(row.checkpoint).toMatchObject({
    builds: { app: { digest: image.digest } },
    scans: { app: { digest: image.digest } },
    pushes: { app: { digest: image.digest } },
  });
}

it('a backend that is killed at any of its steps loses no release, and another process finishes it once', async () => {
  const whole = await releaseKilledAt(Infinity);
  const { names } = whole.mortal;
  await expectReadyOnce(whole.world, whole.readied);
  await whole.world.stop();
  expect(names).toEqual(
    expect.arrayContaining([
      'fetcher.fetch',
      'builder.build',
      'scanner.scan',
      'blobs.put',
      'transaction',
    ]),
  );
  // How many steps there are depends on how often the heart beats meanwhile:
  // we go on until one is longer than all of them.
  let survived = false;
  let deaths = 0;
  for (let diesAt = 1; !survived; diesAt += 1) {
    const { world, readied, mortal } = await releaseKilledAt(diesAt);
    survived = !mortal.isDead;
    deaths += mortal.isDead ? 1 : 0;
    await expectReadyOnce(world, readied);
    await world.stop();
  }
  expect(deaths).toBeGreaterThanOrEqual(new Set(names).size);
});

it('a release goes on with a new attempt, scanned again, where the caches of the first are not', async () => {
  const whole = await releaseKilledAt(Infinity);
  await whole.world.stop();
  const atScan = whole.mortal.names.indexOf('scanner.scan') + 1;
  const { world, readied } = await releaseKilledAt(atScan, {
    otherMachine: true,
  });
  await expectReadyOnce(world, readied);
  const [{ id }] = (await world.store.releases.list({})).items;
  const row = await world.get(id);
  expect(row.checkpoint).toMatchObject({ attempt: 2 });
  expect(row.stages.find(({ stage }) => stage === 'fetch')?.attempt).toBe(2);
  await world.stop();
});

it('a process that comes back after its lease was taken writes nothing', async () => {
  const world = await createReleaseWorld();
  world.repository.add(FILES);
  let letGo: () => void = () => {};
  const stuck = new Promise<void>(resolve => {
    letGo = resolve;
  });
  const scanning = givenScanner();
  let reached: () => void = () => {};
  const atScan = new Promise<void>(resolve => {
    reached = resolve;
  });
  const slow = world.runner({
    scanner: {
      id: 'slow',
      async scan(request) {
        reached();
        await stuck;
        return scanning.scan(request);
      },
    },
    // No heart-beat saves it: it is as if the process had been suspended.
    tuning: { leaseMs: 3_600_000, commandPollMs: 3_600_000 },
  });
  const { id } = await world.request(world.runner());
  const ticking = world.tick(slow, 'slow');
  await atScan;
  world.clock.nowMs += 2 * 3_600_000;
  const quick = world.runner();
  const done = await world.finish(quick, id);
  expect(done.status).toBe('ready');
  letGo();
  await ticking;
  expect(await world.get(id)).toEqual(done);
  await world.stop();
});
