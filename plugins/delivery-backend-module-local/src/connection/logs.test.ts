import { LogLine, TargetRef } from '@slipway/backstage-plugin-delivery-common';
import {
  TestWorld,
  bringUp,
  poll,
  startTestWorld,
} from './__testUtils__/world';

jest.setTimeout(180_000);

describe('logs of the local environment', () => {
  const shop: TargetRef = {
    service: 'component:default/shop',
    environment: 'staging',
  };
  let world: TestWorld;

  beforeEach(async () => {
    world = await startTestWorld();
  });
  afterEach(async () => {
    await world?.close();
  });

  function read(after: string | undefined, limit = 1_000, waitMs = 0) {
    const { logs } = world.connection;
    if (!logs) {
      throw new Error('The connection has no logs');
    }
    return logs.read({ target: shop, after, limit, waitMs }, world.signal);
  }

  it('continues exactly where it stopped, in pages, also when slipway-locald was killed in between', async () => {
    await bringUp(world, shop, {
      generation: 'g',
      plan: await world.plan(shop, {
        version: 'counter',
        onStart: `let n = 0; setInterval(() => { for (let i = 0; i < 10; i += 1) console[n % 2 ? 'log' : 'error']('line ' + n++); }, 20)`,
      }),
      revision: 1,
    });
    const lines: LogLine[] = [];
    let after = '0';
    const numbersOf = (stream: string) =>
      lines
        .filter(line => line.stream === stream && line.text.startsWith('line '))
        .map(line => Number(line.text.slice('line '.length)));
    // Both streams, as one of them may be read long before the other.
    const readUntil = (count: number) =>
      poll(`${count} lines of each stream`, async () => {
        const chunk = await read(after, 37);
        expect(chunk.dropped ?? 0).toBe(0);
        lines.push(...chunk.lines);
        after = chunk.nextOffset;
        return ['stdout', 'stderr'].every(
          stream => numbersOf(stream).length > count,
        );
      });
    await readUntil(100);
    process.kill(await world.localdPid(), 'SIGKILL');
    await readUntil(300);

    for (const stream of ['stdout', 'stderr']) {
      const numbers = numbersOf(stream);
      const first = stream === 'stdout' ? 1 : 0;
      expect(numbers).toEqual(numbers.map((_, index) => first + index * 2));
    }
    expect(new Set(lines.map(({ instance }) => instance)).size).toBe(1);
    expect(new Set(lines.map(({ track }) => track))).toEqual(
      new Set(['stable']),
    );
  });

  it('waits for news and answers as soon as there are some', async () => {
    const quiet = await world.plan(shop, {
      version: 'quiet',
      respond: `console.log('asked ' + request.url); response.end('{}')`,
    });
    await bringUp(world, shop, {
      generation: 'g',
      plan: quiet,
      revision: 1,
      shares: [{ generation: 'g', percent: 100 }],
    });
    const { nextOffset } = await poll('the start in the log', async () => {
      const chunk = await read(undefined);
      return chunk.lines.some(({ text }) => text.endsWith('listens')) && chunk;
    });
    const waiting = read(nextOffset, 10, 20_000);
    const observed = await world.connection.traffic.observe(shop, world.signal);
    await fetch(`${'known' in observed && observed.known.address}/tea`);
    const chunk = await waiting;
    expect(chunk.lines.map(({ text }) => text)).toEqual(['asked /tea']);
    expect(chunk.ended).toBe(false);
  });

  it('answers nothing for a target that never ran, and refuses offsets that are none', async () => {
    const chunk = await read(undefined);
    expect(chunk).toMatchObject({ lines: [], ended: false });
    await expect(read('../../etc')).rejects.toThrow('not an offset');
  });
});
