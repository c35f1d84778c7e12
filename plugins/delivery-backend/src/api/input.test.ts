import { TestDatabases } from '@backstage/backend-test-utils';
import request from 'supertest';
import { TestApi, createTestApi } from './__testUtils__/testApi';
import { SERVICE } from './__testUtils__/useApis';

jest.setTimeout(120_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });
describe('bad input gets a 400 that names the field', () => {
  let app: TestApi['app'];
  let shared: TestApi;
  beforeAll(async () => {
    shared = await createTestApi({ knex: await databases.init('SQLITE_3') });
    app = shared.app;
  });
  afterAll(() => shared.stop());

  it.each([
    ['post', `${SERVICE}/releases`, {}, /commit/],
    ['post', `${SERVICE}/releases`, { commit: 'x', extra: 1 }, /additional/],
    ['post', `${SERVICE}/releases`, { commit: 7 }, /commit/],
    [
      'post',
      '/v1/deployments',
      { service: 'checkout', environment: 'staging', releaseId: 'r' },
      /service/,
    ],
    ['post', '/v1/deployments/d1/commands', { verb: 'explode' }, /verb/],
    ['get', '/v1/targets?limit=1000', undefined, /limit/],
    ['get', '/v1/targets?nope=1', undefined, /nope/],
    ['get', '/v1/releases/r1/logs', undefined, /stage/],
    ['get', '/v1/releases/r1/logs?stage=brew', undefined, /stage/],
    ['get', '/v1/targets?cursor=%00', undefined, /cursor/i],
  ] as const)('%s %s %j', async (method, path, body, message) => {
    const response = await request(app)[method](path).send(body);
    expect(response.status).toBe(400);
    expect(response.body.error.name).toBe('InputError');
    expect(response.body.error.message).toMatch(message);
  });
});
