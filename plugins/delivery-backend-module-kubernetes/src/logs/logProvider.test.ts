import fc from 'fast-check';
import { LogLine } from '@slipway/backstage-plugin-delivery-common';
import { LogProvider } from '@slipway/backstage-plugin-delivery-node';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { KubeClient } from '../client';
import { FakeKubelet } from './__testUtils__/fakeKubelet';
import { createLogProvider } from './logProvider';

jest.setTimeout(120_000);

const quiet = new AbortController().signal;
const target = {
  service: 'component:default/checkout',
  environment: 'production',
};

function providerOf(kubelet: FakeKubelet, idleMs = 200): LogProvider {
  return createLogProvider({
    cluster: {
      name: 'fake',
      // Of the client nothing but the logs is used here.
      client: kubelet.client as KubeClient,
      namespaceOf: async () => 'shop',
    },
    pods: kubelet.pods,
    idleMs,
  });
}

/** Reads on until a line says so. */
async function readUntil(
  provider: LogProvider,
  start: string | undefined,
  text: string,
  limit = 1_000,
): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  let after = start;
  const deadlineMs = Date.now() + 30_000;
  while (!lines.some(line => line.text === text)) {
    if (Date.now() > deadlineMs) {
      throw new Error(
        `${text} never came; there were ${lines.map(line => line.text)}`,
      );
    }
    const chunk = await provider.read(
      { target, after, limit, waitMs: 500 },
      quiet,
    );
    lines.push(...chunk.lines);
    after = chunk.nextOffset;
  }
  return lines;
}

const texts = (lines: LogLine[]) =>
  lines.filter(({ stream }) => stream !== 'system').map(({ text }) => text);

describe('the logs of a target', () => {
  it('bring every line once and in order, by pages of any size, whatever is cut and restarted meanwhile', async () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant('write' as const),
          twins: fc.integer({ min: 1, max: 3 }),
        }),
      },
      fc.record({ do: fc.constant('cut' as const) }),
      fc.record({ do: fc.constant('restart' as const) }),
      fc.record({ do: fc.constant('second' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 1, max: 5 }),
        async (steps, limit) => {
          const kubelet = new FakeKubelet();
          const provider = providerOf(kubelet, 0);
          const written: string[] = [];
          const write = (text: string, afterNs?: bigint) => {
            written.push(text);
            kubelet.write(text, afterNs);
          };
          write('begin');
          const reading = readUntil(provider, '0', 'end', limit);
          let n = 0;
          for (const action of steps) {
            if (action.do === 'write') {
              n += 1;
              for (let twin = 0; twin < action.twins; twin += 1) {
                // Equal lines of the same nanosecond are lines too.
                write(`line ${n}`, twin === 0 ? 1_000n : 0n);
              }
            } else if (action.do === 'second') {
              write('later', 1_500_000_000n);
            } else {
              kubelet[action.do]();
              // One dead container is kept, so the next restart waits for the reader.
              if (action.do === 'restart') {
                n += 1;
                write(`restart ${n}`);
                await readUntil(provider, '0', `restart ${n}`);
                await poll(
                  'the reader is up to date',
                  async () => kubelet.open > 0,
                );
              }
            }
            await new Promise(resolve => {
              setImmediate(resolve);
            });
          }
          write('end');
          const read = texts(await reading);
          // Who reads slowly may find a log gone, and is told so; nothing comes twice or out of order.
          let at = -1;
          for (const text of read) {
            const next = written.indexOf(text, at + 1);
            expect(next).toBeGreaterThan(at);
            at = next;
          }
          const restarts = steps.filter(action => action.do === 'restart');
          const all = restarts.length <= 1 ? written : read;
          expect(read).toEqual(all);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('show the previous container and this one, with instance, generation and track on each line', async () => {
    const kubelet = new FakeKubelet();
    kubelet.write('the till is empty');
    kubelet.restart();
    kubelet.write('open again');
    const provider = providerOf(kubelet);
    const { lines } = await provider.read(
      { target, limit: 10, waitMs: 0 },
      quiet,
    );
    expect(texts(lines)).toEqual(['the till is empty', 'open again']);
    expect(lines[0]).toMatchObject({
      instance: 'checkout-1',
      generation: 'g1',
      track: 'canary',
    });
    const other = await provider.read(
      { target, generation: 'g2', limit: 10, waitMs: 0 },
      quiet,
    );
    expect(other.lines).toEqual([]);
  });

  it('say that lines are missing when the log was rotated away under a reader', async () => {
    const kubelet = new FakeKubelet();
    kubelet.write('one');
    const first = providerOf(kubelet, 0);
    const { nextOffset } = await first.read(
      { target, limit: 10, waitMs: 0 },
      quiet,
    );
    await poll('nobody reads', async () => kubelet.open === 0);
    kubelet.write('lost');
    kubelet.rotate();
    kubelet.write('later', 5_000_000_000n);
    const lines = await readUntil(first, nextOffset, 'later');
    expect(lines[0]).toMatchObject({
      stream: 'system',
      text: expect.stringContaining('are missing here'),
    });
    expect(texts(lines)).toEqual(['later']);
  });

  it('cost one stream for two readers, and none soon after the last one', async () => {
    const kubelet = new FakeKubelet();
    kubelet.write('one');
    const provider = providerOf(kubelet);
    const read = () => provider.read({ target, limit: 10, waitMs: 0 }, quiet);
    const [a, b] = await Promise.all([read(), read()]);
    expect(texts(a.lines)).toEqual(['one']);
    expect(texts(b.lines)).toEqual(['one']);
    await poll('it is followed', async () => kubelet.open === 1);
    const news = [a, b].map(({ nextOffset }) =>
      readUntil(provider, nextOffset, 'two'),
    );
    kubelet.write('two');
    await expect(Promise.all(news)).resolves.toHaveLength(2);
    expect(kubelet.requests.filter(kind => kind === 'follow')).toHaveLength(1);
    await poll('nothing is open', async () => kubelet.open === 0);
  });

  it('go on at the same place with another backend', async () => {
    const kubelet = new FakeKubelet();
    for (let n = 0; n < 20; n += 1) {
      kubelet.write(`line ${n}`);
    }
    const one = await providerOf(kubelet).read(
      { target, after: '0', limit: 7, waitMs: 0 },
      quiet,
    );
    const other = await providerOf(kubelet).read(
      { target, after: one.nextOffset, limit: 100, waitMs: 0 },
      quiet,
    );
    expect(texts([...one.lines, ...other.lines])).toEqual(
      Array.from({ length: 20 }, (_, n) => `line ${n}`),
    );
  });

  it('keep the last words of a pod that is gone for who was reading', async () => {
    const kubelet = new FakeKubelet();
    kubelet.write('one');
    const provider = providerOf(kubelet, 5_000);
    const { nextOffset } = await provider.read(
      { target, limit: 10, waitMs: 0 },
      quiet,
    );
    await poll('it is followed', async () => kubelet.open === 1);
    kubelet.write('last words');
    await poll('they came', async () => kubelet.open === 1);
    kubelet.delete();
    const lines = await readUntil(provider, nextOffset, 'last words');
    expect(texts(lines)).toEqual(['last words']);
  });

  it('refuse a position that is none of theirs', async () => {
    await expect(
      providerOf(new FakeKubelet()).read(
        { target, after: 'k1.nonsense', limit: 1, waitMs: 0 },
        quiet,
      ),
    ).rejects.toThrow(/no position in this log/);
  });
});
