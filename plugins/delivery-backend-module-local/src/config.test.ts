import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigReader } from '@backstage/config';
import { readLocalConfig } from './config';

describe('the configuration of the local environment', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-'));
  });
  afterAll(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  function read(local: object | undefined, nodeEnv?: string) {
    return readLocalConfig(
      new ConfigReader({ delivery: local ? { local } : {} }),
      { workingDirectory: directory, nodeEnv },
    );
  }

  it('is off unless it is turned on', () => {
    expect(read(undefined)).toBeUndefined();
    expect(read({})).toBeUndefined();
    expect(read({ enabled: false }, 'production')).toBeUndefined();
  });

  it('is refused in production, with the reason', () => {
    expect(() => read({ enabled: true }, 'production')).toThrow(
      /NODE_ENV is "production".*isolates nothing/,
    );
  });

  it('takes paths from the working directory', () => {
    expect(
      read({
        enabled: true,
        dataDirectory: 'data',
        advisories: '/osv',
        git: { roots: ['../code'], hosts: ['git.example'] },
        registry: { port: 5001 },
      }),
    ).toMatchObject({
      dataDirectory: join(directory, 'data'),
      advisories: '/osv',
      gitRoots: [join(directory, '..', 'code')],
      gitHosts: ['git.example'],
      registryPort: 5001,
    });
    expect(read({ enabled: true, dataDirectory: '/d' })).toMatchObject({
      gitRoots: ['/d/repositories'],
      advisories: '/d/advisories',
    });
  });

  it('knows which targets begin with example traffic', () => {
    const config = read({
      enabled: true,
      traffic: [
        { service: 'component:default/a', environment: 'production' },
        { service: 'component:default/b', requestsPerSecond: 3, path: '/x' },
      ],
    });
    const of = (service: string, environment: string) =>
      config?.traffic({ service: `component:default/${service}`, environment });
    expect(of('a', 'production')).toEqual({
      on: true,
      requestsPerSecond: 10,
      path: '/',
    });
    expect(of('a', 'staging')).toBeUndefined();
    expect(of('b', 'staging')).toEqual({
      on: true,
      requestsPerSecond: 3,
      path: '/x',
    });
  });
});
