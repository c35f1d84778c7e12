import { PermissionsService } from '@backstage/backend-plugin-api';
import {
  TestDatabaseId,
  TestDatabases,
  mockCredentials,
} from '@backstage/backend-test-utils';
import {
  AuthorizeResult,
  PolicyDecision,
} from '@backstage/plugin-permission-common';
import { TestApi, TestApiOptions, createTestApi } from './testApi';

export const SERVICE = '/v1/services/component/default/checkout';
export const DENY: PolicyDecision = { result: AuthorizeResult.DENY };

/** Where the API can be tried here: SQLite, and each PostgreSQL that is configured. */
const databases = TestDatabases.create();
export const DATABASES = databases.eachSupportedId().map(([id]) => id);

/** APIs on databases of their own, stopped after each test. */
export function useApis(database: TestDatabaseId = 'SQLITE_3') {
  const opened: TestApi[] = [];
  afterEach(() => {
    for (const api of opened.splice(0)) {
      api.stop();
    }
  });
  return async (options: Omit<TestApiOptions, 'knex'> = {}) => {
    const api = await createTestApi({
      knex: await databases.init(database),
      ...options,
    });
    opened.push(api);
    return api;
  };
}

/** A policy: by permission name, everything else is allowed. */
export function policy(
  decisions: Record<string, PolicyDecision>,
): PermissionsService {
  const decide = (name: string): PolicyDecision =>
    decisions[name] ?? { result: AuthorizeResult.ALLOW };
  return {
    authorize: async () => {
      throw new Error('Decisions are asked for conditionally');
    },
    authorizeConditional: async requests =>
      requests.map(({ permission }) => decide(permission.name)),
  };
}

/** The header of an external access token. */
export function machine(subject: string): string {
  return mockCredentials.service.header({
    onBehalfOf: mockCredentials.service(subject),
    targetPluginId: 'delivery',
  });
}
