import { ConnectionCheck } from '@slipway/backstage-plugin-delivery-common';
import { CheckSubject } from '../ports';
import {
  ConnectionHarness,
  ConnectionHarnessFactory,
  quiet,
} from './connectionHarness';

/**
 * What every connection promises that can be checked.
 *
 * @public
 */
export function describeCheckContract(
  name: string,
  createHarness: ConnectionHarnessFactory,
): void {
  describe(`${name} keeps the contract of check`, () => {
    let harness: ConnectionHarness;
    beforeAll(async () => {
      harness = await createHarness();
    });
    afterAll(async () => {
      await harness?.close();
    });

    async function check(
      of: CheckSubject,
      signal = quiet,
    ): Promise<ConnectionCheck[]> {
      const { connection } = harness;
      if (!connection.check) {
        throw new Error('The connection has no check');
      }
      return connection.check(of, signal);
    }
    const ids = (checks: ConnectionCheck[]) => checks.map(({ id }) => id);

    it('looks at an environment in which no service is, each time at the same', async () => {
      const { environment } = harness.newTarget();
      const checks = await check({ environment });
      expect(checks.length).toBeGreaterThan(0);
      expect(new Set(ids(checks)).size).toBe(checks.length);
      for (const { title, message, status, fix } of checks) {
        expect([title, message]).not.toContain('');
        if (status === 'ok') {
          expect(fix).toBeUndefined();
        }
      }
      expect(ids(await check({ environment }))).toEqual(ids(checks));
    });

    it('looks for a service at a part of what the environment has', async () => {
      const { environment, service } = harness.newTarget();
      const all = ids(await check({ environment }));
      const some = ids(await check({ environment, service }));
      expect(some.length).toBeGreaterThan(0);
      expect(some.filter(id => !all.includes(id))).toEqual([]);
    });

    it('answers nothing when nobody waits any more', async () => {
      const { environment } = harness.newTarget();
      await expect(
        check({ environment }, AbortSignal.abort(new Error('gone'))),
      ).rejects.toThrow();
    });
  });
}
