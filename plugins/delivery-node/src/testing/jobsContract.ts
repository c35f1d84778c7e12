import { JobState, TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { Jobs, Plan } from '../ports';
import { ConnectionHarness, quiet } from './connectionHarness';
import { poll } from './poll';

/** How the job of the harness's Plan behaves. @public */
export type SampleJob =
  /** Writes "migrated" and succeeds. */
  | 'good'
  /** Writes "no such column" and fails. */
  | 'failing'
  /** Goes on until it is stopped. */
  | 'endless';

/** A harness whose Plans hold Jobs that are named like their behaviour. @public */
export interface JobsHarness extends ConnectionHarness {
  planWithJobs(target: TargetRef, jobs: SampleJob[]): Promise<Plan>;
  /** How often a job of the target has been started, by what it left behind. */
  runs(target: TargetRef, job: SampleJob): Promise<number>;
}

/**
 * What every `Jobs` adapter promises.
 *
 * @public
 */
export function describeJobsContract(
  name: string,
  createHarness: () => Promise<JobsHarness>,
): void {
  describe(`${name} keeps the contract of Jobs`, () => {
    let harness: JobsHarness;
    beforeAll(async () => {
      harness = await createHarness();
    });
    afterAll(async () => {
      await harness?.close();
    });

    const fence = { epoch: 1, revision: 1 };

    function jobs(): Jobs {
      const { jobs: found } = harness.connection;
      if (!found) {
        throw new Error('The connection has no jobs');
      }
      return found;
    }

    async function stateOf(target: TargetRef, key: string): Promise<JobState> {
      const observed = await jobs().observe(target, key, quiet);
      if (!('known' in observed)) {
        throw new Error(observed.unknown);
      }
      return observed.known;
    }

    async function ended(target: TargetRef, key: string): Promise<JobState> {
      return await poll(`the end of ${key}`, async () => {
        const state = await stateOf(target, key);
        return !['absent', 'running'].includes(state.phase) && state;
      });
    }

    it('runs a job once under its key, however often it is started', async () => {
      const target = harness.newTarget();
      const plan = await harness.planWithJobs(target, ['good']);
      const key = 'deployment/1/before-good';
      expect((await stateOf(target, key)).phase).toBe('absent');
      await jobs().start(target, fence, plan, 'good', key, quiet);
      await jobs().start(target, fence, plan, 'good', key, quiet);
      const state = await ended(target, key);
      expect(state.phase).toBe('succeeded');
      expect(state.lastLines?.join()).toContain('migrated');
      await jobs().start(target, fence, plan, 'good', key, quiet);
      expect((await stateOf(target, key)).phase).toBe('succeeded');
      expect(await harness.runs(target, 'good')).toBe(1);
      const other = 'deployment/2/before-good';
      await jobs().start(target, fence, plan, 'good', other, quiet);
      expect((await ended(target, other)).phase).toBe('succeeded');
      expect(await harness.runs(target, 'good')).toBe(2);
    });

    it('says that a job failed, how, and its last lines', async () => {
      const target = harness.newTarget();
      const plan = await harness.planWithJobs(target, ['failing']);
      await jobs().start(target, fence, plan, 'failing', 'd/1/f', quiet);
      const state = await ended(target, 'd/1/f');
      expect(state.phase).toBe('failed');
      expect(state.message).toBeTruthy();
      expect(state.lastLines?.join()).toContain('no such column');
    });

    it('stops what still runs, and is not surprised by what does not', async () => {
      const target = harness.newTarget();
      const plan = await harness.planWithJobs(target, ['endless']);
      await jobs().start(target, fence, plan, 'endless', 'd/1/e', quiet);
      await poll('it runs', async () => {
        return (await harness.runs(target, 'endless')) === 1;
      });
      expect((await stateOf(target, 'd/1/e')).phase).toBe('running');
      await jobs().stop(target, fence, 'd/1/e', quiet);
      expect((await ended(target, 'd/1/e')).phase).toBe('failed');
      await jobs().stop(target, fence, 'd/1/e', quiet);
      await jobs().stop(target, fence, 'd/1/never', quiet);
      expect((await stateOf(target, 'd/1/never')).phase).toBe('absent');
    });

    it('refuses writers of the past, and jobs that the objects do not hold', async () => {
      const target = harness.newTarget();
      const plan = await harness.planWithJobs(target, ['good']);
      await jobs().start(
        target,
        { epoch: 3, revision: 1 },
        plan,
        'good',
        'd/1/g',
        quiet,
      );
      await ended(target, 'd/1/g');
      await expect(
        jobs().start(
          target,
          { epoch: 2, revision: 9 },
          plan,
          'good',
          'd/2/g',
          quiet,
        ),
      ).rejects.toMatchObject({ name: 'StaleEpochError' });
      expect((await stateOf(target, 'd/2/g')).phase).toBe('absent');
      await expect(
        jobs().inspect(plan.objects, plan.images, target, 'none'),
      ).rejects.toMatchObject({ name: 'InputError' });
      await jobs().inspect(plan.objects, plan.images, target, 'good');
    });
  });
}
