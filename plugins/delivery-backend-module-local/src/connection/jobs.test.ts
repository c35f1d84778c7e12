import { randomBytes } from 'node:crypto';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import {
  JobsHarness,
  SampleJob,
  describeJobsContract,
} from '@slipway/backstage-plugin-delivery-node/testing';
import { readTextIfThere } from '../locald';
import { file } from './__testUtils__/images';
import { manifestText, serviceSource } from './__testUtils__/services';
import { TestWorld, poll, startTestWorld } from './__testUtils__/world';

jest.setTimeout(180_000);

const JOB = `
const fs = require('node:fs');
const [what] = process.argv.slice(2);
fs.appendFileSync(process.env.RUNS, what + '\\n');
if (what === 'failing') { console.error('no such column'); process.exit(3); }
if (what === 'endless') { setInterval(() => {}, 1000); } else { console.log('migrated'); }
`;

function jobManifest(job: string, runs: string): string {
  return `---
apiVersion: batch/v1
kind: Job
metadata: { name: ${job} }
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: job
          image: app
          command: [node, /app/job.js, ${job}]
          env: [{ name: RUNS, value: ${JSON.stringify(runs)} }]
`;
}

/** A world whose Plans hold Jobs, and what these have written of their runs. */
function withJobs(world: TestWorld) {
  const runsOf = ({ service }: TargetRef) =>
    `${world.dataDirectory}/${service.replace(/\W/g, '-')}.runs`;
  return {
    planWithJobs: (target: TargetRef, jobs: SampleJob[]) =>
      world.plan(
        target,
        [
          file('app/server.js', serviceSource({ version: 'one' })),
          file('app/job.js', JOB),
        ],
        manifestText() +
          jobs.map(job => jobManifest(job, runsOf(target))).join(''),
      ),
    async runs(target: TargetRef, job: SampleJob) {
      const text = (await readTextIfThere(runsOf(target))) ?? '';
      return text.split('\n').filter(line => line === job).length;
    },
  };
}

const newTarget = (): TargetRef => ({
  service: `component:default/shop-${randomBytes(4).toString('hex')}`,
  environment: 'staging',
});

describeJobsContract(
  'The local environment',
  async (): Promise<JobsHarness> => {
    const world = await startTestWorld();
    return {
      connection: world.connection,
      newTarget,
      plan: (target, { version }) => world.plan(target, { version }),
      request: async () => ({ status: 404 }),
      ...withJobs(world),
      close: () => world.close(),
    };
  },
);

describe('jobs of the local environment', () => {
  let world: TestWorld;
  beforeEach(async () => {
    world = await startTestWorld();
  });
  afterEach(async () => {
    await world?.close();
  });

  it('are never run again after slipway-locald was killed: how they ended is lost', async () => {
    const { jobs } = world.connection;
    const target = newTarget();
    const { planWithJobs, runs } = withJobs(world);
    const plan = await planWithJobs(target, ['endless', 'good']);
    const fence = { epoch: 1, revision: 1 };
    await jobs?.start(target, fence, plan, 'endless', 'd/1/e', world.signal);
    await poll('it runs', async () => (await runs(target, 'endless')) === 1);
    process.kill(await world.localdPid(), 'SIGKILL');
    const observed = await poll('it is seen again', async () => {
      const state = await jobs?.observe(target, 'd/1/e', world.signal);
      return state && 'known' in state && state.known;
    });
    expect(observed.phase).toBe('running');
    await jobs?.start(target, fence, plan, 'endless', 'd/1/e', world.signal);
    expect(await runs(target, 'endless')).toBe(1);

    // The one of the next deployment waits until this one is gone.
    await expect(
      jobs?.start(target, fence, plan, 'good', 'd/2/g', world.signal),
    ).rejects.toThrow(/"endless" of an earlier deployment still runs/);
    await poll('it starts', async () => {
      try {
        await jobs?.start(target, fence, plan, 'good', 'd/2/g', world.signal);
        return true;
      } catch (error) {
        if (!`${error}`.includes('still runs')) {
          throw error;
        }
        return false;
      }
    });
    expect(await jobs?.observe(target, 'd/1/e', world.signal)).toMatchObject({
      known: { phase: 'lost' },
    });
    expect(await runs(target, 'endless')).toBe(1);
  });

  it('are no longer called ignored, and others still are', async () => {
    const target = newTarget();
    const { planWithJobs } = withJobs(world);
    const { objects, images } = await planWithJobs(target, ['good', 'failing']);
    const { ignored } = await world.connection.workloads.inspect(
      objects,
      images,
      target,
      { jobs: ['good'] },
    );
    const about = ignored.filter(line => line.includes('/Job/'));
    expect(about).toEqual([
      'batch/v1/Job/failing: the local environment has no Job',
    ]);
  });
});
