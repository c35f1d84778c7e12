import { LoggerService } from '@backstage/backend-plugin-api';
import {
  ServiceRef,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import {
  RegistryAccess,
  Renderer,
} from '@slipway/backstage-plugin-delivery-node';
import { TrafficSettings } from '../locald';

export interface LocalConnectionOptions {
  name: string;
  dataDirectory: string;
  registry: RegistryAccess;
  logger: LoggerService;
  renderers: Renderer[];
  /** Services that may be called in an environment; absent: those seen so far. */
  peers?: (environment: string) => Promise<ServiceRef[]>;
  /** Example traffic that a new target begins with. */
  traffic?: (target: TargetRef) => TrafficSettings | undefined;
}
