import { createExtensionPoint } from '@backstage/backend-plugin-api';
import {
  ImageBuilder,
  ImageScanner,
  RegistryAccess,
  SourceFetcher,
} from './release';
import { ConnectionFactory } from './delivery';
import { MetricProvider } from './evidence';
import { BlobStore, Notifier } from './misc';

/** What makes a Release. @public */
export interface DeliveryReleaseExtensionPoint {
  addSourceFetcher(fetcher: SourceFetcher): void;
  /** The first one that does not refuse builds, in the order of their priority. */
  addImageBuilder(builder: ImageBuilder): void;
  setImageScanner(scanner: ImageScanner): void;
  setRegistry(registry: RegistryAccess): void;
}

/** @public */
export const deliveryReleaseExtensionPoint =
  createExtensionPoint<DeliveryReleaseExtensionPoint>({
    id: 'delivery.release',
  });

/** Where Releases go. @public */
export interface DeliveryConnectionExtensionPoint {
  addConnectionFactory(factory: ConnectionFactory): void;
  /**
   * Metrics of environments, whatever their connection is. They are asked
   * before the connection's own, in the order in which they were added. Their
   * names may be used in every definition.
   */
  addMetricProvider(added: AddedMetricProvider): void;
}

/** @public */
export interface AddedMetricProvider {
  provider: MetricProvider;
  /** Names of environments in the platform's configuration. */
  environments: string[];
}

/** @public */
export const deliveryConnectionExtensionPoint =
  createExtensionPoint<DeliveryConnectionExtensionPoint>({
    id: 'delivery.connection',
  });

/** @public */
export interface DeliverySupportExtensionPoint {
  addNotifier(notifier: Notifier): void;
  setBlobStore(store: BlobStore): void;
}

/** @public */
export const deliverySupportExtensionPoint =
  createExtensionPoint<DeliverySupportExtensionPoint>({
    id: 'delivery.support',
  });
