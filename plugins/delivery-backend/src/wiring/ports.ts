import {
  AddedMetricProvider,
  BlobStore,
  ConnectionFactory,
  DeliveryConnectionExtensionPoint,
  DeliveryReleaseExtensionPoint,
  DeliverySupportExtensionPoint,
  ImageBuilder,
  ImageScanner,
  Notifier,
  RegistryAccess,
  SourceFetcher,
} from '@slipway/backstage-plugin-delivery-node';
import { ConflictError } from '@backstage/errors';

/** What the installed modules brought. Complete once the plugin starts. */
export class Ports
  implements
    DeliveryReleaseExtensionPoint,
    DeliveryConnectionExtensionPoint,
    DeliverySupportExtensionPoint
{
  readonly fetchers: SourceFetcher[] = [];
  readonly builders: ImageBuilder[] = [];
  readonly factories: ConnectionFactory[] = [];
  readonly metricProviders: AddedMetricProvider[] = [];
  readonly notifiers: Notifier[] = [];
  scanner: ImageScanner | undefined;
  registry: RegistryAccess | undefined;
  blobs: BlobStore | undefined;

  addSourceFetcher(fetcher: SourceFetcher) {
    this.fetchers.push(fetcher);
  }

  addImageBuilder(builder: ImageBuilder) {
    this.builders.push(builder);
    this.builders.sort((a, b) => (b.priority ?? 0) - (a.priority ?? 0));
  }

  setImageScanner(scanner: ImageScanner) {
    if (this.scanner) {
      throw new ConflictError(
        `Two modules set an image scanner: "${this.scanner.id}" and "${scanner.id}". Remove one of them`,
      );
    }
    this.scanner = scanner;
  }

  setRegistry(registry: RegistryAccess) {
    if (this.registry) {
      throw new ConflictError(
        `Two modules set a registry: ${this.registry.host} and ${registry.host}. Remove one of them`,
      );
    }
    this.registry = registry;
  }

  addConnectionFactory(factory: ConnectionFactory) {
    if (this.factories.some(other => other.type === factory.type)) {
      throw new ConflictError(
        `Two modules make connections of the type "${factory.type}". Remove one of them`,
      );
    }
    this.factories.push(factory);
  }

  addMetricProvider(added: AddedMetricProvider) {
    const { id } = added.provider;
    if (this.metricProviders.some(({ provider }) => provider.id === id)) {
      throw new ConflictError(
        `Two metric providers are called "${id}". Give one of them another name`,
      );
    }
    this.metricProviders.push(added);
  }

  addNotifier(notifier: Notifier) {
    this.notifiers.push(notifier);
  }

  setBlobStore(store: BlobStore) {
    if (this.blobs) {
      throw new ConflictError(
        'Two modules set a blob store. Remove one of them',
      );
    }
    this.blobs = store;
  }

  /** What is still missing to make a release, in words for the operator. */
  missingForReleases(): string[] {
    return [
      this.fetchers.length === 0 && 'a source fetcher',
      this.builders.length === 0 && 'an image builder',
      !this.scanner && 'an image scanner',
      !this.registry && 'a registry',
    ].filter((part): part is string => typeof part === 'string');
  }

  /** All notifiers as one; absent when there is none. */
  notifier(): Notifier | undefined {
    if (this.notifiers.length === 0) {
      return undefined;
    }
    return {
      notify: async news => {
        // Each is told, also when another one fails; the engine tries again
        // with the same key, which a notifier must show once.
        const results = await Promise.allSettled(
          this.notifiers.map(notifier => notifier.notify(news)),
        );
        const failed = results.find(result => result.status === 'rejected');
        if (failed?.status === 'rejected') {
          throw failed.reason;
        }
      },
    };
  }
}
