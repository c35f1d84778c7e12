import { TestDatabases, mockServices } from '@backstage/backend-test-utils';
import {
  ChangeEvent,
  TargetRecord,
} from '@slipway/backstage-plugin-delivery-common';
import { FakeConnection } from '../api/__testUtils__/fakeConnection';
import { BILLING, CHECKOUT, releaseRow } from '../api/__testUtils__/testApi';
import { DeliveryStore, createTestStore } from '../store';
import { createChangeStream } from './changeStream';
import { createLive } from './live';
import { createObserver } from './observer';

jest.setTimeout(120_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });
const logger = mockServices.logger.mock();
const staging = { service: CHECKOUT, environment: 'staging' };
const record: TargetRecord = {
  draining: [],
  promoted: [],
  desired: { revision: 0, generations: [], shares: [] },
};

function running(id: string) {
  return {
    known: [
      {
        id,
        generation: 'g',
        phase: 'running' as const,
        ready: true,
        restarts: 0,
      },
    ],
    observedAtMs: 1,
    reflects: 1,
  };
}

describe('live state', () => {
  it('watches a connection once, whatever number of environments share it', () => {
    const connection = new FakeConnection();
    const watch = jest.spyOn(connection.live, 'watch');
    const abort = new AbortController();
    const live = createLive({
      connections: new Map([
        ['staging', connection],
        ['production', connection],
      ]),
      logger,
    });
    live.start(abort.signal);
    expect(watch).toHaveBeenCalledTimes(1);
    connection.setInstances(staging, running('i1'));
    expect(live.instances(staging)).toMatchObject({ known: [{ id: 'i1' }] });
    connection.setInstances(staging, { unknown: 'lost', sinceMs: 5 });
    expect(live.instances(staging)).toEqual({ unknown: 'lost', sinceMs: 5 });
    abort.abort();
    connection.setInstances(staging, running('i2'));
    expect(live.instances(staging)).toEqual({ unknown: 'lost', sinceMs: 5 });
  });

  it('says unknown of what it has not heard, and forgets what changed longest ago', () => {
    const connection = new FakeConnection();
    const live = createLive({
      connections: new Map([['staging', connection]]),
      logger,
      clock: () => 9,
      maxTargets: 2,
    });
    live.start(new AbortController().signal);
    expect(live.instances(staging)).toEqual({
      unknown: expect.stringContaining('not reported'),
      sinceMs: 9,
    });
    expect(
      live.instances({ service: CHECKOUT, environment: 'mars' }),
    ).toMatchObject({ unknown: expect.stringContaining('"mars"') });
    for (const name of ['a', 'b', 'a', 'c']) {
      connection.setInstances(
        { service: `component:default/${name}`, environment: 'staging' },
        running(name),
      );
    }
    const known = live.changedSince(0).map(({ target }) => target.service);
    expect(known).toEqual(['component:default/a', 'component:default/c']);
  });

  it('goes on when one listener fails, and when a watch does not start', () => {
    const broken = new FakeConnection();
    jest.spyOn(broken.live, 'watch').mockImplementation(() => {
      throw new Error('no');
    });
    const connection = new FakeConnection();
    const live = createLive({
      connections: new Map([
        ['production', broken],
        ['staging', connection],
      ]),
      logger,
    });
    const heard: string[] = [];
    live.onChange(() => {
      throw new Error('broken viewer');
    });
    const off = live.onChange(({ target }) => heard.push(target.environment));
    live.start(new AbortController().signal);
    connection.setInstances(staging, running('i1'));
    off();
    connection.setInstances(staging, running('i2'));
    expect(heard).toEqual(['staging']);
  });
});

describe('the observer', () => {
  it('asks a slow connection no longer than the limit, and calls it unknown', async () => {
    const connection = new FakeConnection();
    jest
      .spyOn(connection.traffic, 'observe')
      .mockImplementation(() => new Promise(() => {}));
    const observer = createObserver({
      connections: new Map([['staging', connection]]),
      live: {
        instances: () => ({ unknown: 'not yet', sinceMs: 1 }),
        surroundings: () => undefined,
      },
      logger,
      timeLimitMs: 20,
    });
    const seen = await observer.observe(staging, record);
    expect(seen.traffic).toMatchObject({
      unknown: 'The traffic did not answer within 20 ms',
    });
    expect(seen.workloads).toMatchObject({ known: { generations: [] } });
  });

  it('shares a read between viewers, but never one from before the engine moved on', async () => {
    const connection = new FakeConnection();
    const asked = jest.spyOn(connection.traffic, 'observe');
    const observer = createObserver({
      connections: new Map([['staging', connection]]),
      live: {
        instances: () => ({ unknown: 'not yet', sinceMs: 1 }),
        surroundings: () => undefined,
      },
      logger,
      clock: () => 1,
    });
    await observer.observe(staging, record);
    await observer.observe(staging, record);
    expect(asked).toHaveBeenCalledTimes(1);
    await observer.observe(staging, {
      ...record,
      desired: { ...record.desired, revision: 1 },
    });
    expect(asked).toHaveBeenCalledTimes(2);
  });
});

describe('the change stream', () => {
  const signal = new AbortController().signal;
  const opened: AbortController[] = [];

  afterEach(() => {
    opened.splice(0).forEach(abort => abort.abort());
  });

  async function open(
    options: { maxPending?: number; store?: DeliveryStore } = {},
  ) {
    const store =
      options.store ??
      (await createTestStore(await databases.init('SQLITE_3'), { logger }));
    for (const ref of [CHECKOUT, BILLING]) {
      await store.services.upsertMany([
        {
          ref,
          title: ref,
          name: ref,
          repository: 'r',
          definitionPath: 'delivery.yaml',
        },
      ]);
    }
    const connection = new FakeConnection();
    const live = createLive({
      connections: new Map([['staging', connection]]),
      logger,
    });
    const abort = new AbortController();
    opened.push(abort);
    const read = jest.spyOn(store.feed, 'read');
    const stream = createChangeStream({
      store,
      live,
      logger,
      maxPending: options.maxPending,
    });
    live.start(abort.signal);
    stream.start(abort.signal);
    return { store, connection, stream, abort, read };
  }

  async function collect(
    subscription: {
      next: (ms: number, s: AbortSignal) => Promise<ChangeEvent[]>;
    },
    done: (events: ChangeEvent[]) => boolean,
  ) {
    const events: ChangeEvent[] = [];
    const deadlineMs = Date.now() + 30_000;
    while (!done(events) && Date.now() < deadlineMs) {
      events.push(...(await subscription.next(100, signal)));
    }
    expect(done(events)).toBe(true);
    return events;
  }

  const has = (subject: string) => (events: ChangeEvent[]) =>
    events.some(event => event.subject === subject);

  it('reads the feed once for all viewers', async () => {
    const { store, stream, read } = await open();
    const viewers = await Promise.all(
      Array.from({ length: 20 }, () => stream.subscribe({})),
    );
    expect(stream.viewers()).toBe(20);
    read.mockClear();
    await store.releases.create(releaseRow({ id: 'r1' }));
    await Promise.all(viewers.map(viewer => collect(viewer, has('r1'))));
    // One reading with the entry, one that finds the end; the feed's own
    // polling may add a few, but none for each viewer.
    expect(read.mock.calls.length).toBeLessThan(20);
    viewers.forEach(viewer => viewer.close());
    expect(stream.viewers()).toBe(0);
  });

  it('drops what a slow viewer does not read, and tells it to fetch again', async () => {
    const { store, stream } = await open({ maxPending: 3 });
    const slow = await stream.subscribe({});
    const quick = await stream.subscribe({});
    for (let i = 0; i < 6; i++) {
      await store.releases.create(releaseRow({ id: `r${i}` }));
      await collect(quick, has(`r${i}`));
    }
    const events = await slow.next(0, signal);
    expect(events[0].kind).toBe('reset');
    expect(events.length).toBeLessThanOrEqual(4);
    // From the reset on nothing is missed.
    const resumed = await stream.subscribe({ lastEventId: slow.position() });
    await store.releases.create(releaseRow({ id: 'last' }));
    const seen = await collect(resumed, has('last'));
    expect(has('r1')(seen)).toBe(false);
  });

  it('joins news of the same thing: the latest state arrives', async () => {
    const { connection, stream } = await open({ maxPending: 3 });
    const viewer = await stream.subscribe({});
    for (let i = 0; i < 100; i++) {
      connection.setInstances(staging, running(`i${i}`));
    }
    expect(await viewer.next(0, signal)).toMatchObject([
      { kind: 'instances', instances: { known: [{ id: 'i99' }] } },
    ]);
  });

  it('whoever resumes from any id that it was given misses nothing', async () => {
    const { store, connection, stream } = await open();
    const first = await stream.subscribe({});
    const start = first.position();
    for (let i = 0; i < 3; i++) {
      await store.releases.create(releaseRow({ id: `r${i}` }));
      connection.setInstances(
        { service: `component:default/s${i}`, environment: 'staging' },
        running(`i${i}`),
      );
    }
    const all = await collect(first, events => events.length >= 6);
    const subjects = (events: ChangeEvent[]) =>
      events.map(event => event.subject).sort();
    for (const [index, event] of [{ id: start }, ...all].entries()) {
      const resumed = await stream.subscribe({ lastEventId: event.id });
      const rest = await collect(
        resumed,
        events => events.length >= all.length - index,
      );
      for (const missed of all.slice(index)) {
        expect(subjects(rest)).toContain(missed.subject);
      }
      resumed.close();
    }
  });

  it('gives the whole state to a viewer of a service, and to one from another backend', async () => {
    const { store, connection, stream } = await open();
    connection.setInstances(staging, running('i1'));
    connection.setInstances(
      { service: BILLING, environment: 'staging' },
      running('i2'),
    );
    const page = await stream.subscribe({ services: [CHECKOUT] });
    // Before the snapshot is handed out, its id does not claim it.
    const early = await stream.subscribe({
      services: [CHECKOUT],
      lastEventId: page.position(),
    });
    for (const viewer of [page, early]) {
      expect(await viewer.next(0, signal)).toMatchObject([
        {
          subject: `${CHECKOUT}@staging`,
          instances: { known: [{ id: 'i1' }] },
        },
      ]);
    }
    const other = await open({ store });
    other.connection.setInstances(staging, running('i3'));
    const moved = await other.stream.subscribe({
      services: [CHECKOUT],
      lastEventId: page.position(),
    });
    expect(await moved.next(0, signal)).toMatchObject([
      { instances: { known: [{ id: 'i3' }] } },
    ]);
  });

  it('goes on after the database was away', async () => {
    const { store, stream, read } = await open();
    const viewer = await stream.subscribe({});
    read.mockRejectedValueOnce(new Error('connection lost'));
    await store.releases.create(releaseRow({ id: 'r1' }));
    const events = await collect(viewer, has('r1'));
    expect(events).toMatchObject([{ kind: 'release', subject: 'r1' }]);
  });

  it('ends every subscription at shutdown', async () => {
    const { stream, abort } = await open();
    const viewer = await stream.subscribe({});
    const waiting = viewer.next(60_000, signal);
    abort.abort();
    expect(await waiting).toEqual([]);
    expect(stream.viewers()).toBe(0);
  });
});
