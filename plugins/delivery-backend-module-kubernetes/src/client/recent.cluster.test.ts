import { describeOnCluster, openTestCluster, TestCluster } from '../testing';
import { readRecent } from '.';

jest.setTimeout(120_000);

const quiet = new AbortController().signal;
const WRITES = 60;
const SERVICE = { apiVersion: 'v1', kind: 'Service' } as const;

describeOnCluster('Recent lists of a real cluster', () => {
  let world: TestCluster;
  beforeAll(async () => {
    world = await openTestCluster();
  });
  afterAll(() => world?.close());

  it('hold each write and each deletion of before, and how long they take is written to the output', async () => {
    const { client, namespace } = world;
    const recent = readRecent(client);
    const took: Record<'recent' | 'newest', number[]> = {
      recent: [],
      newest: [],
    };
    const by = { fieldManager: 'slipway-test' };
    const metadata = { name: 'quick', namespace };
    async function seenBy(which: keyof typeof took) {
      const reader = which === 'recent' ? recent : client;
      const startedAt = performance.now();
      const { items } = await reader.list(SERVICE, { namespace }, quiet);
      took[which].push(performance.now() - startedAt);
      return items.find(item => item.metadata.name === 'quick');
    }
    const write = (annotations: Record<string, string>) =>
      recent.apply(
        {
          ...SERVICE,
          metadata: { ...metadata, annotations },
          spec: { ports: [{ port: 80 }] },
        },
        by,
        quiet,
      );

    for (let n = 0; n < WRITES; n += 1) {
      const written = await write({ n: `${n}` });
      for (const which of ['recent', 'newest'] as const) {
        const seen = await seenBy(which);
        expect(seen?.metadata.resourceVersion).toBe(
          written.metadata.resourceVersion,
        );
        // Of another kind, so that this one's cache has heard nothing of it.
        await recent.apply(
          {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: 'other', namespace },
            data: { n: `${n} ${which}` },
          },
          by,
          quiet,
        );
      }
    }
    for (let n = 0; n < 5; n += 1) {
      await write({});
      expect(await seenBy('recent')).toBeDefined();
      await recent.delete({ ...SERVICE, ...metadata }, {}, quiet);
      expect(await seenBy('recent')).toBeUndefined();
    }

    const median = (values: number[]) =>
      values.sort((a, b) => a - b)[Math.floor(values.length / 2)].toFixed(1);
    process.stdout.write(
      `A list: recent ${median(took.recent)} ms, newest ${median(
        took.newest,
      )} ms (median of ${WRITES})\n`,
    );
  });
});
