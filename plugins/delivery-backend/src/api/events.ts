import {
  ChangeEvent,
  ServiceRef,
  deliveryServiceReadPermission,
  deliveryTargetReadPermission,
  parseTarget,
} from '@slipway/backstage-plugin-delivery-common';
import type { DeliveryStore } from '../store';
import { ChangeStream, ChangeSubscription } from '../live';
import {
  Authorizer,
  Caller,
  Grants,
  ServiceResource,
  loadServiceResource,
} from './auth';
import { EnvironmentInfo } from './services';
import { DEFAULT_STREAMS_PER_USER, StreamLimit } from './streamLimit';

/*
 * One viewer's events: the stream's subscription, less what the caller may
 * not see. Decisions are kept for at most a minute and then made again, so a
 * permission that is taken away ends the news within that time.
 */

const RECHECK_MS = 60_000;

export interface ViewerEvents {
  /** The next events that the caller may see; empty when the wait is over. */
  next(waitMs: number, signal: AbortSignal): Promise<ChangeEvent[]>;
  position(): string;
  close(): void;
}

export interface EventsService {
  /** Errors: `TooManyStreamsError`. */
  open(
    caller: Caller,
    options: { lastEventId?: string; services?: ServiceRef[] },
  ): Promise<ViewerEvents>;
}

export interface EventsOptions {
  stream: ChangeStream;
  authorizer: Authorizer;
  store: Pick<DeliveryStore, 'services'>;
  environments: EnvironmentInfo[];
  clock: () => number;
  recheckMs?: number;
  /** How many each user or machine may have open in this backend; default 8. */
  streamsPerUser?: number;
}

class VisibleEvents {
  readonly #options: EventsOptions;
  readonly #caller: Caller;
  #grants: Grants | undefined;
  #resources = new Map<ServiceRef, ServiceResource>();
  #inCatalog = new Map<ServiceRef, boolean>();
  #freshUntilMs = 0;

  constructor(options: EventsOptions, caller: Caller) {
    this.#options = options;
    this.#caller = caller;
  }

  async refresh() {
    const { authorizer, clock, recheckMs } = this.#options;
    this.#grants = await authorizer.grants(this.#caller, [
      deliveryServiceReadPermission,
      deliveryTargetReadPermission,
    ]);
    this.#resources = new Map();
    this.#inCatalog = new Map();
    this.#freshUntilMs = clock() + (recheckMs ?? RECHECK_MS);
  }

  wrap(subscription: ChangeSubscription): ViewerEvents {
    return {
      next: async (waitMs, signal) => {
        const events = await subscription.next(waitMs, signal);
        return events.length > 0 ? this.#visible(events) : events;
      },
      position: () => subscription.position(),
      close: () => subscription.close(),
    };
  }

  async #visible(events: ChangeEvent[]): Promise<ChangeEvent[]> {
    if (this.#options.clock() >= this.#freshUntilMs) {
      await this.refresh();
    }
    const grants = this.#grants;
    if (!grants) {
      return [];
    }
    await this.#load(grants, events);
    return events.filter(event => this.#allows(grants, event));
  }

  async #load(grants: Grants, events: ChangeEvent[]) {
    const unknown = new Set<ServiceRef>();
    for (const { service } of events) {
      if (service && !this.#inCatalog.has(service)) {
        unknown.add(service);
      }
    }
    if (unknown.size === 0) {
      return;
    }
    const refs = [...unknown];
    const visible = await grants.visible(refs);
    await Promise.all(
      refs.map(async ref => {
        this.#inCatalog.set(ref, visible.has(ref));
        this.#resources.set(
          ref,
          await loadServiceResource(this.#options.store, ref),
        );
      }),
    );
  }

  #allows(grants: Grants, event: ChangeEvent): boolean {
    if (event.kind === 'reset') {
      return true;
    }
    const resource = event.service && this.#resources.get(event.service);
    if (!resource || !this.#inCatalog.get(resource.service)) {
      return false;
    }
    if (event.kind === 'instances' || event.kind === 'target') {
      const { environment } = parseTarget(event.subject);
      const tier =
        this.#options.environments.find(e => e.name === environment)?.tier ??
        '';
      return grants.decide(deliveryTargetReadPermission, {
        ...resource,
        environment,
        tier,
      }).allowed;
    }
    return grants.decide(deliveryServiceReadPermission, resource).allowed;
  }
}

export function createEventsService(options: EventsOptions): EventsService {
  const limit = new StreamLimit(
    options.streamsPerUser ?? DEFAULT_STREAMS_PER_USER,
  );
  return {
    async open(caller, request) {
      const leave = limit.enter(caller.actor);
      try {
        const filter = new VisibleEvents(options, caller);
        // Refuses before the stream opens when the permissions cannot be read.
        await filter.refresh();
        const viewer = filter.wrap(await options.stream.subscribe(request));
        return {
          ...viewer,
          close: () => {
            leave();
            viewer.close();
          },
        };
      } catch (error) {
        leave();
        throw error;
      }
    },
  };
}
