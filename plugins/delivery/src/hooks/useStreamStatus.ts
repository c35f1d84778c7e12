import { useCallback, useSyncExternalStore } from 'react';
import { useApi } from '@backstage/core-plugin-api';
import { deliveryEventsApiRef } from '../api';
import { StreamStatus } from '../events';

/** Whether the page hears of changes by itself. */
export function useStreamStatus(): StreamStatus {
  const events = useApi(deliveryEventsApiRef);
  return useSyncExternalStore(
    useCallback(listener => events.onStatus(listener), [events]),
    () => events.status(),
  );
}
