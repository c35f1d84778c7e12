import { IdentityApi } from '@backstage/core-plugin-api';
import { DeliveryApi } from '@slipway/backstage-plugin-delivery-common';
import { BrowserStream } from './BrowserStream';
import { DeliveryEvents, TabChannel, TabLocks } from './types';

function browserLocks(): TabLocks | undefined {
  return typeof navigator !== 'undefined' && 'locks' in navigator
    ? navigator.locks
    : undefined;
}

function browserChannel(): ((name: string) => TabChannel) | undefined {
  return typeof BroadcastChannel === 'undefined'
    ? undefined
    : name => new BroadcastChannel(name);
}

/** The stream of this browser, told apart by user. */
export function createDeliveryEvents(options: {
  delivery: DeliveryApi;
  identity: IdentityApi;
}): DeliveryEvents {
  const { delivery, identity } = options;
  return new BrowserStream({
    open: (request, onEvent, signal) =>
      delivery.streamEvents(request, onEvent, signal),
    scope: async () => (await identity.getBackstageIdentity()).userEntityRef,
    locks: browserLocks(),
    createChannel: browserChannel(),
    visibility: typeof document === 'undefined' ? undefined : document,
  });
}
