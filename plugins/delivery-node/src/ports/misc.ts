import { Digest } from '@slipway/backstage-plugin-delivery-common';

/** Big immutable things by sha256. @public */
export interface BlobStore {
  /** Idempotent. Returns the digest of the bytes. */
  put(bytes: Buffer): Promise<Digest>;
  /** `undefined`: not there. The bytes are verified against the digest. */
  get(digest: Digest): Promise<Buffer | undefined>;
}

/** Tells people; called at least once with the same key, must show it once. @public */
export interface Notifier {
  notify(news: {
    key: string;
    title: string;
    description: string;
    severity: 'normal' | 'high' | 'critical';
    recipients: string[];
    link?: string;
  }): Promise<void>;
}
