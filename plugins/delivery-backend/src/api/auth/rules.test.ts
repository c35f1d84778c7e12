import { TestDatabases, mockServices } from '@backstage/backend-test-utils';
import {
  AuthorizeResult,
  PermissionCondition,
  PermissionCriteria,
} from '@backstage/plugin-permission-common';
import {
  createConditionAuthorizer,
  createConditionTransformer,
} from '@backstage/plugin-permission-node';
import {
  RESOURCE_TYPE_DELIVERY_SERVICE,
  RESOURCE_TYPE_DELIVERY_TARGET,
  deliveryDeployPermission,
  deliveryReleaseCreatePermission,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import fc from 'fast-check';
import { DeliveryStore, createTestStore } from '../../store';
import { machineAllows, machineFilter, readMachines } from './machines';
import { RowCondition, TargetResource } from './resources';
import { serviceRules, targetRules } from './rules';
import { toRowFilter } from './rowFilter';

jest.setTimeout(120_000);

const OWNERS = ['group:default/a', 'group:default/b', undefined];
const SYSTEMS = ['system:default/x', undefined];
const ENVIRONMENTS = [
  { environment: 'staging', tier: 'staging' },
  { environment: 'production', tier: 'production' },
];

/** Every combination of owner, system and environment, as real rows. */
const ROWS: TargetResource[] = OWNERS.flatMap((owner, o) =>
  SYSTEMS.flatMap((system, s) =>
    ENVIRONMENTS.map(environment => ({
      service: `component:default/s-${o}-${s}`,
      owner,
      system,
      ...environment,
    })),
  ),
);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });
let store: DeliveryStore;

beforeAll(async () => {
  store = await createTestStore(await databases.init('SQLITE_3'));
  const services = new Map(ROWS.map(row => [row.service, row]));
  await store.services.upsertMany(
    [...services.values()].map(({ service, owner, system }) => ({
      ref: service,
      title: service,
      name: service,
      owner,
      system,
      repository: 'https://git.example/repo',
      definitionPath: 'delivery.yaml',
    })),
  );
  await store.targets.ensureMany(
    ROWS.map(({ service, environment, tier, owner, system }) => ({
      target: { service, environment },
      tier,
      owner,
      system,
    })),
  );
});

function rulesetOf(rules: object) {
  const byName = new Map(
    Object.values(rules).map(rule => [String(rule.name), rule]),
  );
  return {
    getRuleByName(name: string) {
      const rule = byName.get(name);
      if (!rule) {
        throw new Error(`No rule ${name}`);
      }
      return rule;
    },
  };
}

function condition(rule: string, params: object, resourceType: string) {
  return { rule, params, resourceType } as PermissionCondition;
}

async function targetsInSql(criteria: PermissionCriteria<PermissionCondition>) {
  const transform = createConditionTransformer<RowCondition>(
    rulesetOf(targetRules),
  );
  const page = await store.targets.list({
    limit: 200,
    filter: toRowFilter(transform(criteria)),
  });
  return page.items.map(row => stringifyTarget(row.target)).sort();
}

function targetsInMemory(criteria: PermissionCriteria<PermissionCondition>) {
  const authorize = createConditionAuthorizer(rulesetOf(targetRules));
  return ROWS.filter(row =>
    authorize(
      {
        result: AuthorizeResult.CONDITIONAL,
        pluginId: 'delivery',
        resourceType: RESOURCE_TYPE_DELIVERY_TARGET,
        conditions: criteria,
      },
      row,
    ),
  )
    .map(stringifyTarget)
    .sort();
}

const target = (rule: string, params: object) =>
  condition(rule, params, RESOURCE_TYPE_DELIVERY_TARGET);

describe('each rule says the same in memory and in SQL', () => {
  it.each([
    ['IS_OWNER', { claims: ['group:default/a', 'user:default/x'] }, 4],
    ['IS_OWNER', { claims: [] }, 0],
    ['IN_SYSTEM', { systems: ['system:default/x'] }, 6],
    ['IN_ENVIRONMENT', { environments: ['staging'] }, 6],
    ['HAS_TIER', { tiers: ['production', 'other'] }, 6],
  ])('%s of targets, %j', async (rule, params, count) => {
    const criteria = target(rule, params);
    const inMemory = targetsInMemory(criteria);
    expect(inMemory).toHaveLength(count);
    expect(await targetsInSql(criteria)).toEqual(inMemory);
    const negated = { not: criteria };
    expect(targetsInMemory(negated)).toHaveLength(ROWS.length - count);
    expect(await targetsInSql(negated)).toEqual(targetsInMemory(negated));
  });

  it.each([
    ['IS_OWNER', { claims: ['group:default/b'] }, 2],
    ['IN_SYSTEM', { systems: ['system:default/x'] }, 3],
  ])('%s of services, %j', async (rule, params, count) => {
    const criteria = condition(rule, params, RESOURCE_TYPE_DELIVERY_SERVICE);
    const ruleset = rulesetOf(serviceRules);
    const authorize = createConditionAuthorizer(ruleset);
    const services = [...new Map(ROWS.map(row => [row.service, row])).values()];
    const inMemory = services
      .filter(row =>
        authorize(
          {
            result: AuthorizeResult.CONDITIONAL,
            pluginId: 'delivery',
            resourceType: RESOURCE_TYPE_DELIVERY_SERVICE,
            conditions: criteria,
          },
          row,
        ),
      )
      .map(row => row.service)
      .sort();
    const page = await store.services.list({
      limit: 200,
      filter: toRowFilter(
        createConditionTransformer<RowCondition>(ruleset)(criteria),
      ),
    });
    expect(inMemory).toHaveLength(count);
    expect(page.items.map(row => row.ref).sort()).toEqual(inMemory);
  });

  it('for any combination of rules', async () => {
    const leaf = fc.oneof(
      fc
        .subarray(['group:default/a', 'group:default/b'])
        .map(claims => target('IS_OWNER', { claims })),
      fc
        .subarray(['system:default/x'])
        .map(systems => target('IN_SYSTEM', { systems })),
      fc
        .subarray(['staging', 'production'])
        .map(environments => target('IN_ENVIRONMENT', { environments })),
      fc
        .subarray(['staging', 'production'])
        .map(tiers => target('HAS_TIER', { tiers })),
    );
    const { criteria } = fc.letrec<{
      criteria: PermissionCriteria<PermissionCondition>;
    }>(tie => ({
      criteria: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        leaf,
        tie('criteria').map(not => ({ not })),
        fc
          .tuple(tie('criteria'), tie('criteria'))
          .map(([a, b]) => ({ allOf: [a, b] as [typeof a, typeof b] })),
        fc
          .tuple(tie('criteria'), tie('criteria'))
          .map(([a, b]) => ({ anyOf: [a, b] as [typeof a, typeof b] })),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(criteria, async any => {
        expect(await targetsInSql(any)).toEqual(targetsInMemory(any));
      }),
      { numRuns: 100 },
    );
  });
});

describe('delivery.machines', () => {
  const machines = readMachines(
    mockServices.rootConfig({
      data: {
        delivery: {
          machines: [
            {
              subject: 'external:ci',
              services: ['Component:default/s-0-0'],
              environments: ['staging'],
              verbs: ['read', 'release', 'deploy'],
            },
            { subject: 'external:ci', services: ['*'], verbs: ['release'] },
          ],
        },
      },
    }),
  );

  it('says the same in memory and in SQL', async () => {
    const page = await store.targets.list({
      limit: 200,
      filter: machineFilter(machines, deliveryDeployPermission, 'target'),
    });
    const inMemory = ROWS.filter(row =>
      machineAllows(machines, deliveryDeployPermission, row),
    );
    expect(inMemory).toHaveLength(1);
    expect(page.items.map(row => row.target)).toEqual([
      { service: 'component:default/s-0-0', environment: 'staging' },
    ]);
    const services = await store.services.list({
      limit: 200,
      filter: machineFilter(
        machines,
        deliveryReleaseCreatePermission,
        'service',
      ),
    });
    expect(services.items).toHaveLength(6);
  });

  it('allows nothing to who is not listed', async () => {
    const page = await store.targets.list({
      limit: 200,
      filter: machineFilter([], deliveryDeployPermission, 'target'),
    });
    expect(page.items).toEqual([]);
    expect(machineAllows([], deliveryDeployPermission, ROWS[0])).toBe(false);
  });

  it('refuses a verb that does not exist, by its place', () => {
    expect(() =>
      readMachines(
        mockServices.rootConfig({
          data: {
            delivery: {
              machines: [
                { subject: 'ci', services: ['*'], verbs: ['destroy'] },
              ],
            },
          },
        }),
      ),
    ).toThrow(
      /"destroy" in delivery\.machines\[0\]\.verbs: expected one of read, logs/,
    );
  });
});
