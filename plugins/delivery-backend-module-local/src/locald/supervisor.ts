import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ConflictError, InputError, NotFoundError } from '@backstage/errors';
import {
  InstanceState,
  Observed,
  TargetRef,
  parseTarget,
} from '@slipway/backstage-plugin-delivery-common';
import {
  StaleEpochError,
  Fence,
  parseReference,
} from '@slipway/backstage-plugin-delivery-node';
import { BackoffPolicy } from './backoff';
import { resolveEntrypoint } from './entrypoint';
import { fileNameFor } from './files';
import { ImageStore } from './images';
import { TargetLog } from './logs';
import { INSTANCE_PORTS, ROUTER_PORTS, findPort } from './ports';
import { endLostProcesses } from './lostProcesses';
import { Secrets, assertSecrets, readSecrets } from './secrets';
import { EnsureRequest, RegistryAddress, RunSpec } from './protocol';
import { StateFile } from './state';
import { TargetHost } from './launch';
import { Target, TargetSnapshot } from './target';
import { TrafficSettings, DEFAULT_TRAFFIC } from './traffic';

/*
 * All targets of one slipway-locald, and the rule for writing to them: a
 * write carries its epoch; one that is older than the newest that was seen is
 * refused, and so is an older revision of the same epoch (a request that was
 * overtaken). Every accepted write is on disk before it is answered.
 */

const SPARE_IMAGES = 10;

export interface SupervisorOptions {
  /** slipway-locald's own folder; private to it. */
  directory: string;
  /** Where people put secrets: `<environment>.json`. */
  secretsDirectory: string;
  log(message: string): void;
  backoff?: BackoffPolicy;
}

export type ChangeListener = (
  target: TargetRef,
  state: Observed<InstanceState[]>,
) => void;

export class Supervisor {
  private readonly state: StateFile;
  private readonly images: ImageStore;
  private readonly targets = new Map<string, Target>();
  private readonly opening = new Map<string, Promise<Target>>();
  private readonly listeners = new Set<ChangeListener>();
  private readonly changed = new Set<string>();
  private readonly takenPorts = new Set<number>();
  private readonly credentials = new Map<
    string,
    RegistryAddress['credentials']
  >();

  constructor(private readonly options: SupervisorOptions) {
    this.state = new StateFile(options.directory);
    this.images = new ImageStore(join(options.directory, 'images'));
  }

  /** Takes over what a predecessor left running, and ends what is lost. */
  async start(): Promise<void> {
    await mkdir(join(this.options.directory, 'logs'), { recursive: true });
    await this.state.load();
    await this.images.start();
    await endLostProcesses(this.state, this.options.log);
    for (const id of Object.keys(this.state.targets)) {
      await this.open(id);
    }
  }

  async stop(options: { instances: boolean }): Promise<void> {
    await Promise.all(
      [...this.targets.values()].map(target => target.stop(options)),
    );
    if (options.instances) {
      for (const { generations } of Object.values(this.state.targets)) {
        for (const generation of Object.values(generations)) {
          for (const record of generation.instances) {
            delete record.pid;
            delete record.start;
          }
        }
      }
    }
    await this.state.save();
  }

  list(): string[] {
    return [...this.targets.keys()];
  }

  find(id: string): Target | undefined {
    return this.targets.get(id);
  }

  /** Errors: `NotFoundError` for a target that was never written to. */
  get(id: string): Target {
    const target = this.targets.get(id);
    if (!target) {
      throw new NotFoundError(`slipway-locald knows no target "${id}"`);
    }
    return target;
  }

  snapshot(id: string): TargetSnapshot {
    return this.get(id).snapshot(Date.now());
  }

  observed(id: string): Observed<InstanceState[]> {
    const target = this.get(id);
    return {
      known: target.instanceStates(),
      observedAtMs: Date.now(),
      reflects: target.state.revision,
    };
  }

  /** Errors: `InputError` when the image or the spec cannot run here. */
  async checkImage(
    spec: RunSpec,
    registry: RegistryAddress,
    environment: string,
    signal: AbortSignal,
  ): Promise<void> {
    const image = await this.images.ensure(
      spec.image.reference,
      registry,
      signal,
    );
    await resolveEntrypoint(spec, image.process, image.rootfs);
    assertSecrets(spec.env, await this.secrets(environment), environment);
  }

  async ensure(
    id: string,
    generation: string,
    request: EnsureRequest,
  ): Promise<void> {
    const target = await this.open(id);
    this.accept(target, request);
    const { spec, track, replicas, registry, peers } = request;
    const { environment } = target;
    const { service } = parseTarget(id);
    for (const peer of peers) {
      if (peer !== service) {
        await this.open(`${peer}@${environment}`);
      }
    }
    this.credentials.set(registry.host, registry.credentials);
    const before = target.state.generations[generation];
    target.state.generations[generation] = {
      spec,
      track,
      replicas,
      registry: { url: registry.url, host: registry.host },
      peers,
      instances: before?.instances ?? [],
    };
    target.state.traffic = target.state.traffic ?? request.traffic;
    target.reconcile();
    await this.state.save();
    this.onChange(id);
  }

  async remove(id: string, generation: string, fence: Fence): Promise<void> {
    const target = await this.open(id);
    this.accept(target, fence);
    delete target.state.generations[generation];
    target.state.shares = target.state.shares.filter(
      share => share.generation !== generation,
    );
    target.router.setShares(target.state.shares);
    target.reconcile();
    await this.state.save();
    this.onChange(id);
    this.images.prune(this.imagesInUse(), SPARE_IMAGES).catch(error => {
      this.options.log(`Old images could not be removed: ${error}`);
    });
  }

  async setShares(
    id: string,
    fence: Fence,
    shares: Array<{ generation: string; percent: number }>,
  ): Promise<void> {
    const target = await this.open(id);
    const sum = shares.reduce((total, { percent }) => total + percent, 0);
    if (shares.length > 0 && Math.abs(sum - 100) > 0.01 && sum !== 0) {
      throw new InputError(
        `The shares of ${id} add up to ${sum}; expected 100 or 0`,
      );
    }
    const unknown = shares.find(
      share => share.percent > 0 && !target.state.generations[share.generation],
    );
    if (unknown) {
      throw new InputError(
        `${id} should give ${unknown.percent} % to generation "${unknown.generation}", which does not exist here`,
      );
    }
    this.accept(target, fence);
    target.setShares(shares.filter(share => share.percent > 0));
    await this.state.save();
  }

  async setTraffic(
    id: string,
    settings: Partial<TrafficSettings>,
  ): Promise<TrafficSettings> {
    const target = await this.open(id);
    target.state.traffic = {
      ...(target.state.traffic ?? DEFAULT_TRAFFIC),
      ...settings,
    };
    await this.state.save();
    this.onChange(id);
    return target.state.traffic;
  }

  /** Returns the function that takes the listener off again. */
  watch(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private accept(target: Target, fence: Fence): void {
    const { state } = target;
    if (fence.epoch < state.epoch) {
      throw new StaleEpochError(fence.epoch, state.epoch);
    }
    if (fence.epoch === state.epoch && fence.revision < state.revision) {
      throw new ConflictError(
        `Revision ${fence.revision} of ${target.id} comes after revision ${state.revision} of the same epoch ${state.epoch}`,
      );
    }
    state.epoch = fence.epoch;
    state.revision = fence.revision;
  }

  private open(id: string): Promise<Target> {
    let opening = this.opening.get(id);
    if (!opening) {
      opening = this.openOnce(id).catch(error => {
        this.opening.delete(id);
        throw error;
      });
      this.opening.set(id, opening);
    }
    return opening;
  }

  private async openOnce(id: string): Promise<Target> {
    const { environment } = parseTarget(id);
    let state = this.state.targets[id];
    if (!state) {
      const taken = new Set(
        Object.values(this.state.targets).map(({ port }) => port),
      );
      state = {
        epoch: 0,
        revision: 0,
        port: await findPort(ROUTER_PORTS, taken),
        generations: {},
        shares: [],
      };
      this.state.targets[id] = state;
    }
    const logPath = join(
      this.options.directory,
      'logs',
      `${fileNameFor(id)}.jsonl`,
    );
    const log = await TargetLog.open(logPath, error =>
      this.options.log(`The log of ${id} cannot be written: ${error}`),
    );
    const target = new Target(id, environment, state, log, this.host());
    this.targets.set(id, target);
    await target.start();
    return target;
  }

  private host(): TargetHost {
    return {
      directory: this.options.directory,
      mark: this.state.mark,
      images: this.images,
      backoff: this.options.backoff,
      takePort: async () => {
        const port = await findPort(INSTANCE_PORTS, this.takenPorts);
        // Two starts at once must not be given the same port.
        this.takenPorts.add(port);
        setTimeout(() => this.takenPorts.delete(port), 10_000).unref();
        return port;
      },
      save: () => this.state.save(),
      log: message => this.options.log(message),
      onChange: id => this.onChange(id),
      peers: (environment, names) => this.peers(environment, names),
      secrets: environment => this.secrets(environment),
      credentials: host => this.credentials.get(host),
    };
  }

  private peers(environment: string, services: string[]): Map<string, string> {
    const peers = new Map<string, string>();
    for (const [id, { port }] of Object.entries(this.state.targets)) {
      const target = parseTarget(id);
      if (
        target.environment === environment &&
        (services.length === 0 || services.includes(target.service))
      ) {
        const name = target.service.slice(target.service.lastIndexOf('/') + 1);
        peers.set(name, `http://127.0.0.1:${port}`);
      }
    }
    return peers;
  }

  private secrets(environment: string): Promise<Secrets> {
    return readSecrets(this.options.secretsDirectory, environment);
  }

  /** Changes of one turn of the event loop are told once. */
  private onChange(id: string): void {
    this.changed.add(id);
    if (this.changed.size === 1) {
      setImmediate(() => {
        const ids = [...this.changed];
        this.changed.clear();
        for (const changedId of ids) {
          if (this.targets.has(changedId)) {
            const state = this.observed(changedId);
            for (const listener of this.listeners) {
              listener(parseTarget(changedId), state);
            }
          }
        }
      });
    }
  }

  private imagesInUse(): Set<string> {
    const used = new Set<string>();
    for (const { generations } of Object.values(this.state.targets)) {
      for (const { spec } of Object.values(generations)) {
        const { digest } = parseReference(spec.image.reference);
        if (digest) {
          used.add(digest);
        }
      }
    }
    return used;
  }
}
