import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NotFoundError } from '@backstage/errors';
import {
  InstanceState,
  Observed,
  parseTarget,
  TrafficRoute,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { Fence } from '@slipway/backstage-plugin-delivery-node';
import { BackoffPolicy } from './backoff';
import { ChangeListener, ChangeNotices } from './changeNotices';
import { resolveEntrypoint } from './entrypoint';
import { ImageStore } from './images';
import { endLostProcesses } from './lostProcesses';
import { OpenTargets } from './openTargets';
import { Secrets, assertSecrets, readSecrets } from './secrets';
import { secretVersions } from './secretVersions';
import {
  EnsureRequest,
  ImageAnswer,
  JobStartRequest,
  RegistryAddress,
  RunSpec,
} from './protocol';
import { StateFile } from './state';
import { imagesInUse } from './stateQueries';
import { Target } from './target';
import { TargetSnapshot } from './targetSnapshot';
import { acceptEpoch, acceptWrite, assertShares } from './writeRules';
import { TrafficSettings, DEFAULT_TRAFFIC } from './traffic';

/*
 * All targets of one slipway-locald. Every write that is accepted is on disk
 * before it is answered.
 */

const SPARE_IMAGES = 10;

export interface SupervisorOptions {
  /** slipway-locald's own folder; private to it. */
  directory: string;
  /** Where people put secrets: `<environment>.json`. */
  secretsDirectory: string;
  /** What versions of secrets are made with. */
  versionKey: Buffer;
  log(message: string): void;
  backoff?: BackoffPolicy;
}

export class Supervisor {
  private readonly state: StateFile;
  private readonly images: ImageStore;
  private readonly targets: OpenTargets;
  private readonly changes = new ChangeNotices(id =>
    this.targets.find(id) ? this.observed(id) : undefined,
  );

  constructor(private readonly options: SupervisorOptions) {
    this.state = new StateFile(options.directory);
    this.images = new ImageStore(join(options.directory, 'images'));
    this.targets = new OpenTargets({
      directory: options.directory,
      state: this.state,
      images: this.images,
      backoff: options.backoff,
      secrets: environment => this.secrets(environment),
      log: message => options.log(message),
      onChange: id => this.changes.tell(id),
    });
  }

  /** Takes over what a predecessor left running, and ends what is lost. */
  async start(): Promise<void> {
    await mkdir(join(this.options.directory, 'logs'), { recursive: true });
    await this.state.load();
    await this.images.start();
    await endLostProcesses(this.state, this.options.log);
    for (const id of Object.keys(this.state.targets)) {
      await this.targets.open(id);
    }
  }

  async stop(options: { instances: boolean }): Promise<void> {
    await this.targets.stop(options);
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
    return this.targets.ids();
  }

  find(id: string): Target | undefined {
    return this.targets.find(id);
  }

  /** Errors: `NotFoundError` for a target that was never written to. */
  get(id: string): Target {
    const target = this.targets.find(id);
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

  /**
   * What a start would need, with the versions of secrets as they are now.
   *
   * Errors: `InputError` when the image or the spec cannot run here.
   */
  async checkImage(
    spec: RunSpec,
    registry: RegistryAddress,
    environment: string,
    signal: AbortSignal,
  ): Promise<ImageAnswer> {
    const image = await this.images.ensure(
      spec.image.reference,
      registry,
      signal,
    );
    await resolveEntrypoint(spec, image.process, image.rootfs);
    const secrets = await this.secrets(environment);
    assertSecrets(spec.env, secrets, environment);
    const { versionKey } = this.options;
    return {
      secrets: secretVersions(versionKey, environment, spec.env, secrets),
    };
  }

  async ensure(
    id: string,
    generation: string,
    request: EnsureRequest,
  ): Promise<void> {
    const target = await this.targets.open(id);
    acceptWrite(target, request);
    const { spec, track, replicas, registry, peers } = request;
    const { environment } = target;
    const { service } = parseTarget(id);
    for (const peer of peers) {
      if (peer !== service) {
        await this.targets.open(`${peer}@${environment}`);
      }
    }
    this.targets.rememberCredentials(registry);
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
    this.changes.tell(id);
  }

  /** Errors: `StaleEpochError`; `ConflictError` while another job still runs. */
  async startJob(
    id: string,
    key: string,
    request: JobStartRequest,
  ): Promise<void> {
    const target = await this.targets.open(id);
    acceptEpoch(target, request);
    this.targets.rememberCredentials(request.registry);
    await target.jobs.start(key, request);
  }

  async stopJob(id: string, key: string, fence: Fence): Promise<void> {
    const target = await this.targets.open(id);
    acceptEpoch(target, fence);
    target.jobs.stop(key);
    await this.state.save();
  }

  async remove(id: string, generation: string, fence: Fence): Promise<void> {
    const target = await this.targets.open(id);
    acceptWrite(target, fence);
    delete target.state.generations[generation];
    target.state.shares = target.state.shares.filter(
      share => share.generation !== generation,
    );
    const routes = (target.state.routes ?? []).filter(
      route => route.generation !== generation,
    );
    target.setTraffic(target.state.shares, routes);
    target.reconcile();
    await this.state.save();
    this.changes.tell(id);
    this.images.prune(imagesInUse(this.state), SPARE_IMAGES).catch(error => {
      this.options.log(`Old images could not be removed: ${error}`);
    });
  }

  async setShares(
    id: string,
    fence: Fence,
    asked: { shares: TrafficShare[]; routes: TrafficRoute[] },
  ): Promise<void> {
    const target = await this.targets.open(id);
    assertShares(target, asked.shares);
    acceptWrite(target, fence);
    target.setTraffic(
      asked.shares.filter(share => share.percent > 0),
      asked.routes,
    );
    await this.state.save();
  }

  async setTraffic(
    id: string,
    settings: Partial<TrafficSettings>,
  ): Promise<TrafficSettings> {
    const target = await this.targets.open(id);
    target.state.traffic = {
      ...(target.state.traffic ?? DEFAULT_TRAFFIC),
      ...settings,
    };
    await this.state.save();
    this.changes.tell(id);
    return target.state.traffic;
  }

  /** Returns the function that takes the listener off again. */
  watch(listener: ChangeListener): () => void {
    return this.changes.watch(listener);
  }

  private secrets(environment: string): Promise<Secrets> {
    return readSecrets(this.options.secretsDirectory, environment);
  }
}
