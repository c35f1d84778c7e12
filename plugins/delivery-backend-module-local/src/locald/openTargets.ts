import { join } from 'node:path';
import { parseTarget } from '@slipway/backstage-plugin-delivery-common';
import { BackoffPolicy } from './backoff';
import { fileNameFor } from './files';
import { ImageStore } from './images';
import { TargetHost } from './launch';
import { TargetLog } from './logs';
import {
  INSTANCE_PORTS,
  PortReservations,
  ROUTER_PORTS,
  findPort,
} from './ports';
import { RegistryAddress } from './protocol';
import { Secrets } from './secrets';
import { StateFile } from './state';
import { peerAddresses } from './stateQueries';
import { Target } from './target';

export interface OpenTargetsOptions {
  /** slipway-locald's own folder. */
  directory: string;
  state: StateFile;
  images: ImageStore;
  backoff?: BackoffPolicy;
  secrets(environment: string): Promise<Secrets>;
  log(message: string): void;
  onChange(id: string): void;
}

/** The targets that are known, each opened once, with what they share. */
export class OpenTargets {
  private readonly targets = new Map<string, Target>();
  private readonly opening = new Map<string, Promise<Target>>();
  private readonly ports = new PortReservations(INSTANCE_PORTS);
  private readonly credentials = new Map<
    string,
    RegistryAddress['credentials']
  >();

  constructor(private readonly options: OpenTargetsOptions) {}

  ids(): string[] {
    return [...this.targets.keys()];
  }

  find(id: string): Target | undefined {
    return this.targets.get(id);
  }

  async stop(options: { instances: boolean }): Promise<void> {
    await Promise.all(
      [...this.targets.values()].map(target => target.stop(options)),
    );
  }

  /** In memory only: what pulls an image later needs them. */
  rememberCredentials({ host, credentials }: RegistryAddress): void {
    this.credentials.set(host, credentials);
  }

  /** Makes it when it is seen for the first time. */
  open(id: string): Promise<Target> {
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
    const { targets } = this.options.state;
    let state = targets[id];
    if (!state) {
      const taken = new Set(Object.values(targets).map(({ port }) => port));
      state = {
        epoch: 0,
        revision: 0,
        port: await findPort(ROUTER_PORTS, taken),
        generations: {},
        shares: [],
      };
      targets[id] = state;
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
    const { directory, state, images, backoff } = this.options;
    return {
      directory,
      mark: state.mark,
      images,
      backoff,
      takePort: () => this.ports.take(),
      save: () => state.save(),
      log: message => this.options.log(message),
      onChange: id => this.options.onChange(id),
      peers: (environment, names) => peerAddresses(state, environment, names),
      secrets: environment => this.options.secrets(environment),
      credentials: host => this.credentials.get(host),
    };
  }
}
