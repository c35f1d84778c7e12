import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { Plan, PlanReference } from '@slipway/backstage-plugin-delivery-node';

export interface PlansStore {
  put(plan: Plan): Promise<void>;
  get(id: string): Promise<Plan | undefined>;
  /** What is to be told of the Plan, without reading its objects. */
  remarks(id: string): Promise<{
    references: PlanReference[];
    ignored: string[];
  }>;
}

export interface BlobsStore {
  put(bytes: Buffer): Promise<Digest>;
  get(digest: Digest): Promise<Buffer | undefined>;
}
