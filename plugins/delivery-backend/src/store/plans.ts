import {
  ServiceRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import {
  PlanObject,
  PlanReference,
} from '@slipway/backstage-plugin-delivery-node';
import { keepBlobs } from './blobs';
import { StoreContext } from './context';
import { BlobsStore, PlansStore } from './types';

interface DbPlan {
  id: string;
  service_ref: ServiceRef;
  environment: string;
  release_id: string;
  data: string;
}

interface PlanData {
  objects: Array<Omit<PlanObject, 'bytes'> & { blob: string }>;
  images: Record<string, string>;
  replicas: number;
  ignored: string[];
  references?: PlanReference[];
  jobs?: string[];
}

/** Plans never change: what is there under an id is what was put first. */
export function createPlansStore(
  context: StoreContext,
  blobs: BlobsStore,
): PlansStore {
  const { db } = context;
  return {
    async put(plan) {
      await context.inTransaction(undefined, async tx => {
        const objects: PlanData['objects'] = [];
        for (const { bytes, ...object } of plan.objects) {
          objects.push({ ...object, blob: await blobs.put(bytes) });
        }
        const data: PlanData = {
          objects,
          images: plan.images,
          replicas: plan.replicas,
          ignored: plan.ignored,
          references: plan.references,
          jobs: plan.jobs,
        };
        await tx('plans')
          .insert({
            id: plan.id,
            target_id: stringifyTarget(plan.target),
            service_ref: plan.target.service,
            environment: plan.target.environment,
            release_id: plan.releaseId,
            data: JSON.stringify(data),
            created_at_ms: tx.raw(context.dialect.nowSql()),
          })
          .onConflict('id')
          .ignore();
        await keepBlobs(
          tx,
          { kind: 'plan', id: plan.id },
          JSON.stringify(objects.map(object => object.blob)),
        );
      });
    },

    async remarks(id) {
      const row: Pick<DbPlan, 'data'> | undefined = await db()('plans')
        .where({ id })
        .first('data');
      const data: PlanData | undefined = row && JSON.parse(row.data);
      return {
        references: data?.references ?? [],
        ignored: data?.ignored ?? [],
      };
    },

    async get(id) {
      const row: DbPlan | undefined = await db()('plans').where({ id }).first();
      if (!row) {
        return undefined;
      }
      const data: PlanData = JSON.parse(row.data);
      const objects: PlanObject[] = [];
      for (const { blob, ...object } of data.objects) {
        const bytes = await blobs.get(blob);
        if (!bytes) {
          throw new Error(
            `Plan ${id} lacks its object ${object.id} (blob ${blob}); restore the table "blobs" from a backup, or deploy the release again`,
          );
        }
        objects.push({ ...object, bytes });
      }
      return {
        id: row.id,
        target: { service: row.service_ref, environment: row.environment },
        releaseId: row.release_id,
        objects,
        images: data.images,
        replicas: data.replicas,
        ignored: data.ignored,
        ...(data.references ? { references: data.references } : {}),
        ...(data.jobs ? { jobs: data.jobs } : {}),
      };
    },
  };
}
