import { ServiceRef } from '@slipway/backstage-plugin-delivery-common';
import { StoreContext } from './context';
import { addFeed } from './feed';
import { toNumber } from './rows';
import { DeploymentEvidence, DeploymentsStore } from './types';

const TABLE = 'deployment_evidence';

/** Bounded documents beside a deployment, each replaced as a whole. */
export function createEvidence(
  context: StoreContext,
): Pick<DeploymentsStore, 'saveEvidence' | 'evidence'> {
  const { db } = context;
  return {
    async saveEvidence(deploymentId, evidence, tx) {
      for (const [kind, value] of Object.entries(evidence)) {
        await tx(TABLE)
          .insert({
            deployment_id: deploymentId,
            kind,
            data: JSON.stringify(value),
          })
          .onConflict(['deployment_id', 'kind'])
          .merge();
      }
      if (evidence.logs) {
        // Shares move with the target's row, which tells of itself.
        const row:
          | { service_ref: ServiceRef; row_version: number | string }
          | undefined = await tx('deployments')
          .where({ id: deploymentId })
          .first('service_ref', 'row_version');
        if (row) {
          await addFeed(
            context,
            [
              {
                kind: 'deployment',
                subject: deploymentId,
                service: row.service_ref,
                version: toNumber(row.row_version),
              },
            ],
            tx,
          );
        }
      }
    },

    async evidence(deploymentId, tx) {
      const rows: Array<{ kind: keyof DeploymentEvidence; data: string }> =
        await db(tx)(TABLE)
          .where({ deployment_id: deploymentId })
          .select('kind', 'data');
      return Object.fromEntries(
        rows.map(({ kind, data }) => [kind, JSON.parse(data)]),
      );
    },
  };
}
