import { mockServices } from '@backstage/backend-test-utils';
import {
  describeJobsContract,
  JobsHarness,
  SampleJob,
} from '@slipway/backstage-plugin-delivery-node/testing';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { createKubernetesConnection } from '../connection';
import { TARGET_LABEL, targetLabel } from '../names';
import { describeOnCluster, openTestCluster, TestCluster } from '../testing';
import { JOB_ANNOTATION } from './jobManifest';

jest.setTimeout(240_000);

const SCRIPTS: Record<SampleJob, string> = {
  good: "console.log('migrated')",
  failing: "console.error('no such column'); process.exit(3)",
  endless: 'setInterval(() => {}, 1000)',
};

function jobManifest(job: SampleJob): string {
  return JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: job },
    spec: {
      ttlSecondsAfterFinished: 1,
      template: {
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 2,
          containers: [
            {
              name: 'job',
              image: 'app',
              command: ['/usr/local/bin/node', '-e', SCRIPTS[job]],
              securityContext: {
                runAsNonRoot: true,
                allowPrivilegeEscalation: false,
                capabilities: { drop: ['ALL'] },
                seccompProfile: { type: 'RuntimeDefault' },
              },
            },
          ],
        },
      },
    },
  });
}

describeOnCluster('Hooks on a cluster', () => {
  describeJobsContract('A cluster', async (): Promise<JobsHarness> => {
    const world: TestCluster = await openTestCluster();
    return {
      connection: createKubernetesConnection({
        cluster: world.cluster,
        logger: mockServices.logger.mock(),
        namespacesIn: () => [world.namespace],
      }),
      newTarget: () => world.newTarget(),
      plan: (target, sample) => world.plan(target, sample),
      planWithJobs: async (target, jobs) => {
        // With one more than is asked for: hooks are several.
        const all = [...new Set<SampleJob>(['good', ...jobs])];
        const plan = await world.plan(target, {
          version: 'one',
          extra: all.map(jobManifest).join('\n---\n'),
        });
        return { ...plan, jobs: all };
      },
      async runs(target: TargetRef, job: SampleJob) {
        const { items } = await world.client.list(
          { apiVersion: 'batch/v1', kind: 'Job' },
          {
            namespace: world.namespace,
            labelSelector: `${TARGET_LABEL}=${targetLabel(target)}`,
          },
          AbortSignal.timeout(20_000),
        );
        return items.filter(
          ({ metadata }) => metadata.annotations?.[JOB_ANNOTATION] === job,
        ).length;
      },
      request: target => world.request(target),
      close: () => world.close(),
    };
  });
});
