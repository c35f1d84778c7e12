import {
  InstanceState,
  LogChunk,
  Observed,
  TargetRef,
  TargetSurroundings,
  TrafficState,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Connection } from '@slipway/backstage-plugin-delivery-node';

/** A connection in memory: what it answers is set by the test. */
export class FakeConnection implements Connection {
  readonly type = 'fake';
  readonly name = 'default';
  readonly renderers: Connection['renderers'] = [];
  readonly metrics: Connection['metrics'] = [];
  readonly switches = new Map<string, boolean>();
  readonly #instances = new Map<string, Observed<InstanceState[]>>();
  readonly #watchers = new Set<
    (target: TargetRef, state: Observed<InstanceState[]>) => void
  >();
  readonly #neighbours = new Set<
    (target: TargetRef, state: Observed<TargetSurroundings>) => void
  >();
  /** Why scaling is not possible. */
  unavailable: string | undefined;
  /** How often the world was asked; the watch does not count. */
  asked = 0;
  failure: Error | undefined;
  lines: LogChunk['lines'] = [];

  notices() {
    return ['isolates nothing'];
  }

  setInstances(target: TargetRef, state: Observed<InstanceState[]>) {
    this.#instances.set(stringifyTarget(target), state);
    for (const watcher of this.#watchers) {
      watcher(target, state);
    }
  }

  setSurroundings(target: TargetRef, state: Observed<TargetSurroundings>) {
    this.#neighbours.forEach(tell => tell(target, state));
  }

  #ask() {
    this.asked += 1;
    if (this.failure) {
      throw this.failure;
    }
  }

  readonly workloads: Connection['workloads'] = {
    fencing: 'compare-and-set',
    inspect: async () => ({ replicas: 1, ignored: [] }),
    ensure: async () => {},
    observe: async () => {
      this.#ask();
      return { known: { generations: [] }, observedAtMs: 1, reflects: 0 };
    },
    remove: async () => {},
  };

  readonly traffic: Connection['traffic'] = {
    fencing: 'compare-and-set',
    capabilities: () => ({
      weights: true,
      measures: true,
      headers: false,
      mirror: false,
    }),
    request: async () => {},
    observe: async (): Promise<Observed<TrafficState>> => {
      this.#ask();
      return {
        known: { accepted: [{ generation: 'g1', percent: 100 }] },
        observedAtMs: 1,
        reflects: 1,
      };
    },
  };

  readonly live: Connection['live'] = {
    watch: (onChange, signal, _onNews, onSurroundings) => {
      this.#watchers.add(onChange);
      if (onSurroundings) {
        this.#neighbours.add(onSurroundings);
      }
      signal.addEventListener('abort', () => this.#watchers.delete(onChange));
      for (const [id, state] of this.#instances) {
        const at = id.lastIndexOf('@');
        onChange(
          { service: id.slice(0, at), environment: id.slice(at + 1) },
          state,
        );
      }
    },
  };

  readonly operations: Connection['operations'] = {
    list: async () => {
      this.#ask();
      return [
        {
          id: 'traffic',
          title: 'Example traffic',
          description: 'Sends requests',
          on: this.switches.get('traffic') ?? false,
          destructive: false,
        },
        {
          id: 'scale',
          title: 'Scale',
          description: 'Runs another number',
          destructive: false,
          arguments: [
            { name: 'replicas', title: 'Instances', type: 'integer', min: 1 },
          ],
          unavailable: this.unavailable,
        },
      ];
    },
    run: async (_target, operation, args) => {
      this.switches.set(operation, args.on === true);
      return { message: `${operation} is ${args.on ? 'on' : 'off'}` };
    },
  };

  readonly objects: Connection['objects'] = {
    apply: async () => {},
    prune: async () => {},
    diff: async (_target, plan) => ({
      changes: [
        {
          id: `Deployment/${plan.id}`,
          change: 'changed',
          fields: [{ path: 'spec.replicas', before: '1', after: '2' }],
          more: 0,
        },
      ],
      unchanged: 3,
    }),
  };

  readonly check: Connection['check'] = async ({ service, environment }) => [
    {
      id: 'rights',
      title: `Rights for ${service ?? `all of ${environment}`}`,
      status: 'missing',
      message: 'may not create deployments',
      fix: 'kubectl apply -f rights.yaml',
    },
  ];

  readonly logs: Connection['logs'] = {
    read: async ({ after }) => ({
      lines: this.lines.slice(Number(after ?? 0)),
      nextOffset: String(this.lines.length),
      ended: false,
    }),
  };
}
