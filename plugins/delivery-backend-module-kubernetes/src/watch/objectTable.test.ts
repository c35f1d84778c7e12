import fc from 'fast-check';
import { isOlder, KubeObject } from '../client';
import { keyOf, ObjectTable, TableInput } from './objectTable';

/** An API server as far as a watcher can tell: its objects, and what happened in which order. */
class World {
  version = 10;
  readonly objects = new Map<string, KubeObject>();
  private history: TableInput[] = [];
  private compactedTo = 0;

  write(name: string) {
    this.version += 1;
    const object = pod(name, this.version);
    const type = this.objects.has(name) ? 'MODIFIED' : 'ADDED';
    this.objects.set(name, object);
    this.history.push({ type: 'event', event: { type, object } });
  }

  remove(name: string) {
    if (this.objects.delete(name)) {
      this.version += 1;
      const object = pod(name, this.version);
      this.history.push({ type: 'event', event: { type: 'DELETED', object } });
    }
  }

  compact() {
    this.compactedTo = this.version;
  }

  list(): TableInput {
    return {
      type: 'list',
      items: [...this.objects.values()],
      resourceVersion: String(this.version),
    };
  }

  /** What a watch from there gets; `undefined`: 410 Gone. */
  since(version: string | undefined): TableInput[] | undefined {
    return version === undefined || Number(version) < this.compactedTo
      ? undefined
      : this.history.filter(input => isOlder(version, versionOf(input)));
  }
}

function versionOf(input: TableInput): string {
  if (input.type === 'list') {
    return input.resourceVersion;
  }
  return input.event.type === 'BOOKMARK'
    ? input.event.resourceVersion
    : input.event.object.metadata.resourceVersion ?? '';
}

function pod(name: string, version: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', resourceVersion: String(version) },
  };
}

const name = fc.constantFrom('a', 'b', 'c', 'd');
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('write' as const), name }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('remove' as const), name }),
  },
  fc.record({ do: fc.constant('compact' as const) }),
  /** The watch brings so many events, and breaks then. */
  fc.record({ do: fc.constant('watch' as const), events: fc.nat(5) }),
  fc.record({ do: fc.constant('bookmark' as const) }),
  fc.record({ do: fc.constant('list' as const) }),
  /** An old answer arrives late: of a server that lags, or by a slow way. */
  fc.record({ do: fc.constant('late' as const), index: fc.nat(30) }),
);

describe('the table of one kind', () => {
  it('is what the cluster has, by whatever lists, watches, bookmarks and 410s it came, and never went back in time', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const world = new World();
        const table = new ObjectTable();
        const sent: TableInput[] = [];
        const newest = new Map<string, string>();
        const mirror = new Map<string, KubeObject>();

        function deliver(input: TableInput) {
          sent.push(input);
          for (const { before, after } of table.apply(input) ?? []) {
            const key = keyOf((after ?? before) as KubeObject);
            expect(mirror.get(key)).toEqual(before);
            const version = after?.metadata.resourceVersion ?? 'gone';
            expect(isOlder(version, newest.get(key) ?? '0')).toBe(false);
            if (after) {
              newest.set(key, version);
              mirror.set(key, after);
            } else {
              mirror.delete(key);
            }
          }
        }

        function catchUp(events = Number.MAX_SAFE_INTEGER) {
          const missed = world.since(table.resourceVersion);
          if (missed) {
            missed.slice(0, events).forEach(deliver);
          } else {
            deliver(world.list());
          }
        }

        let lateLists = 0;
        for (const action of steps) {
          if (action.do === 'write' || action.do === 'remove') {
            world[action.do](action.name);
          } else if (action.do === 'compact') {
            world.compact();
          } else if (action.do === 'watch') {
            catchUp(action.events);
          } else if (action.do === 'list') {
            deliver(world.list());
            lateLists = 0;
          } else if (action.do === 'bookmark') {
            catchUp();
            deliver({
              type: 'event',
              event: {
                type: 'BOOKMARK',
                resourceVersion: String(world.version),
              },
            });
          } else if (sent.length > 0) {
            const late = sent[action.index % sent.length];
            // Lists that insist are believed on purpose: see the next test.
            lateLists += late.type === 'list' ? 1 : 0;
            if (lateLists < 3) {
              deliver(late);
            }
          }
        }
        catchUp();
        expect(
          new Map([...table.values()].map(o => [o.metadata.name, o])),
        ).toEqual(world.objects);
        expect(mirror.size).toBe(world.objects.size);
      }),
      { numRuns: 500 },
    );
  });

  it('believes a cluster that was restored from a backup when its lists insist', () => {
    const table = new ObjectTable();
    table.apply({
      type: 'list',
      items: [pod('a', 900)],
      resourceVersion: '900',
    });
    const restored: TableInput = {
      type: 'list',
      items: [pod('b', 40)],
      resourceVersion: '50',
    };
    expect(table.apply(restored)).toBeUndefined();
    expect(table.apply(restored)).toBeUndefined();
    expect(table.apply(restored)).toHaveLength(2);
    expect([...table.values()].map(({ metadata }) => metadata.name)).toEqual([
      'b',
    ]);
    expect(table.resourceVersion).toBe('50');
  });

  it('keeps only so many, the newest, where it is told to', () => {
    const table = new ObjectTable({ maxObjects: 3 });
    for (let n = 1; n <= 10; n += 1) {
      table.apply({
        type: 'event',
        event: { type: 'ADDED', object: pod(`p${n}`, n) },
      });
    }
    expect([...table.values()].map(({ metadata }) => metadata.name)).toEqual([
      'p8',
      'p9',
      'p10',
    ]);
  });
});
