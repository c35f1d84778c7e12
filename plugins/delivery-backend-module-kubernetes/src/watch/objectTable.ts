import { isOlder, KubeObject, WatchEvent } from '../client';

/** What the API server tells about one kind. */
export type TableInput =
  | { type: 'list'; items: KubeObject[]; resourceVersion: string }
  | { type: 'event'; event: WatchEvent };

/** `before` absent: it is new; `after` absent: it is gone. */
export interface TableChange {
  before?: KubeObject;
  after?: KubeObject;
}

export interface TableOptions {
  /** What is kept of an object; `undefined`: the object is of no interest. */
  slim?: (object: KubeObject) => KubeObject | undefined;
  /** Beyond this the objects that changed longest ago are forgotten. Default: none is. */
  maxObjects?: number;
}

/** Lists in a row that go back in time before they are believed: a restored etcd. */
const BELIEVED_AFTER = 3;

/**
 * The objects of one kind as they were last told: what comes out depends only
 * on what was put in, without clock or I/O.
 *
 * It never goes back in time: an event that it has seen already, or a list from
 * before its last event (of an API server that lags behind), changes nothing.
 * Only a list that insists is believed, since a cluster restored from a backup
 * begins again with older versions.
 */
export class ObjectTable {
  private readonly objects = new Map<string, KubeObject>();
  private version: string | undefined;
  private older = 0;

  constructor(private readonly options: TableOptions = {}) {}

  /** Up to where everything is known; a watch goes on from here. */
  get resourceVersion(): string | undefined {
    return this.version;
  }

  get size(): number {
    return this.objects.size;
  }

  values(): IterableIterator<KubeObject> {
    return this.objects.values();
  }

  get(key: string): KubeObject | undefined {
    return this.objects.get(key);
  }

  /** What changed; `undefined` for a list from before what is known. */
  apply(input: TableInput): TableChange[] | undefined {
    return input.type === 'list'
      ? this.applyList(input.items, input.resourceVersion)
      : this.applyEvent(input.event);
  }

  private applyList(
    items: KubeObject[],
    resourceVersion: string,
  ): TableChange[] | undefined {
    if (this.version && isOlder(resourceVersion, this.version)) {
      this.older += 1;
      if (this.older < BELIEVED_AFTER) {
        return undefined;
      }
    }
    this.older = 0;
    this.version = resourceVersion;
    const changes: TableChange[] = [];
    const listed = new Set<string>();
    for (const item of items) {
      const kept = this.slim(item);
      if (kept) {
        listed.add(keyOf(kept));
        changes.push(...this.set(kept));
      }
    }
    for (const [key, before] of this.objects) {
      if (!listed.has(key)) {
        this.objects.delete(key);
        changes.push({ before });
      }
    }
    return changes;
  }

  private applyEvent(event: WatchEvent): TableChange[] {
    const version =
      event.type === 'BOOKMARK'
        ? event.resourceVersion
        : event.object.metadata.resourceVersion;
    if (!version || (this.version && !isOlder(this.version, version))) {
      return [];
    }
    this.version = version;
    if (event.type === 'BOOKMARK') {
      return [];
    }
    const kept = event.type === 'DELETED' ? undefined : this.slim(event.object);
    return kept ? this.set(kept) : this.remove(keyOf(event.object));
  }

  private slim(object: KubeObject): KubeObject | undefined {
    return this.options.slim ? this.options.slim(object) : object;
  }

  private set(after: KubeObject): TableChange[] {
    const key = keyOf(after);
    const before = this.objects.get(key);
    if (before?.metadata.resourceVersion === after.metadata.resourceVersion) {
      return [];
    }
    // The first key is the one that changed longest ago.
    this.objects.delete(key);
    this.objects.set(key, after);
    const { maxObjects } = this.options;
    const oldest = this.objects.keys().next();
    if (maxObjects && this.objects.size > maxObjects && !oldest.done) {
      return [{ before, after }, ...this.remove(oldest.value)];
    }
    return [{ before, after }];
  }

  private remove(key: string): TableChange[] {
    const before = this.objects.get(key);
    this.objects.delete(key);
    return before ? [{ before }] : [];
  }
}

/** Names an object among those of its kind. */
export function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
