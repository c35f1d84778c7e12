import { Actor } from '@slipway/backstage-plugin-delivery-common';
import { CommandsStore } from './commands';
import { PlansStore, BlobsStore } from './content';
import { DeploymentsStore } from './deployments';
import { FeedStore } from './feed';
import { StoreTx } from './ground';
import { OutboxStore } from './outbox';
import { ReleasesStore } from './releases';
import { ServicesStore } from './services';
import { TargetsStore } from './targets';
import { TickStore } from './ticks';
import { WorkStore } from './work';

/** The only door to the database. */
export interface DeliveryStore {
  /**
   * Calls of the store inside `work` belong to this transaction also when they
   * are not given `tx`; a transaction inside a transaction joins it.
   */
  transaction<T>(work: (tx: StoreTx) => Promise<T>): Promise<T>;
  /** The database's clock, in epoch milliseconds. */
  now(): Promise<number>;
  services: ServicesStore;
  releases: ReleasesStore;
  targets: TargetsStore;
  deployments: DeploymentsStore;
  plans: PlansStore;
  commands: CommandsStore;
  work: WorkStore;
  ticks: TickStore;
  outbox: OutboxStore;
  feed: FeedStore;
  blobs: BlobsStore;
  /** Deletes what retention does not keep; bounded deletes. */
  cleanup(options: {
    keepPerTarget: number;
    keepDays: number;
    nowMs: number;
  }): Promise<{ deleted: Record<string, number> }>;
  /** Writes down who did what and why; append-only. */
  audit(
    entry: {
      atMs: number;
      actor: Actor;
      verb: string;
      subject: string;
      reason?: string;
      digests?: string[];
      outcome: string;
    },
    tx?: StoreTx,
  ): Promise<void>;
  /** Stops listening and gives the single-backend lock of SQLite back; the knex client stays open. */
  close(): Promise<void>;
}
