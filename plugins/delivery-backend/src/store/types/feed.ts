import { ServiceRef } from '@slipway/backstage-plugin-delivery-common';
import { StoreTx } from './ground';

export interface FeedEntry {
  /** Opaque cursor that orders entries as they became visible. */
  cursor: string;
  kind: 'service' | 'target' | 'release' | 'deployment';
  subject: string;
  service: ServiceRef;
  version: number;
}

export interface FeedStore {
  add(entries: Array<Omit<FeedEntry, 'cursor'>>, tx: StoreTx): Promise<void>;
  /**
   * What came after the cursor, oldest first. `undefined`: no entries, and the
   * cursor of now. `reset` when the cursor is older than what is kept, or not
   * one of this database: no entries, and the cursor of now.
   */
  read(
    after: string | undefined,
    limit: number,
  ): Promise<{ entries: FeedEntry[]; cursor: string; reset: boolean }>;
  /** For how long the oldest entry waits to be readable in order; 0: none does. */
  lagMs(): Promise<number>;
  /** Calls back soon after something was added by any backend: LISTEN on PostgreSQL, polling always. */
  subscribe(onNews: () => void, signal: AbortSignal): void;
}
