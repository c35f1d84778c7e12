import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { Plan, PlanReference } from '@slipway/backstage-plugin-delivery-node';

export interface PlansStore {
  put(plan: Plan): Promise<void>;
  get(id: string): Promise<Plan | undefined>;
  /** What the Plan refers to and does not contain, without reading its objects. */
  references(id: string): Promise<PlanReference[]>;
}

export interface BlobsStore {
  put(bytes: Buffer): Promise<Digest>;
  get(digest: Digest): Promise<Buffer | undefined>;
}
