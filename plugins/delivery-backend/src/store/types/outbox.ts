import { StoreTx } from './ground';

export interface OutboxStore {
  add(
    items: Array<{ key: string; type: string; payload: unknown }>,
    tx: StoreTx,
  ): Promise<void>;
  claim(
    owner: string,
    limit: number,
    leaseMs: number,
  ): Promise<
    Array<{ key: string; type: string; payload: unknown; attempts: number }>
  >;
  done(key: string): Promise<void>;
  retry(key: string, atMs: number, error: string): Promise<void>;
  /** What is not done yet. */
  stats(): Promise<{ waiting: number; oldestAgeMs?: number }>;
}
