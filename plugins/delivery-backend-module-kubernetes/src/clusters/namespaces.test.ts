import { mockServices } from '@backstage/backend-test-utils';
import { ConfigReader } from '@backstage/config';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
import { JsonObject } from '@backstage/types';
import {
  createNamespaces,
  namespacesIn,
  namespacesOn,
  readNamespaces,
} from '.';

const component = (name: string, owner: string, system?: string) => ({
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: { name, namespace: 'default' },
  relations: [
    { type: 'ownedBy', targetRef: `group:default/${owner}` },
    ...(system
      ? [{ type: 'partOf', targetRef: `system:default/${system}` }]
      : []),
  ],
});

const config = (environments: JsonObject[], names = ['production']) =>
  new ConfigReader({
    delivery: {
      environments: [
        ...names.map(name => ({
          name,
          tier: name,
          connection: { type: 'kubernetes', name: 'eu' },
        })),
        { name: 'here', tier: 'here', connection: { type: 'local' } },
      ],
      kubernetes: { environments },
    },
  });

describe('The namespace of a target', () => {
  const catalog = catalogServiceMock({
    entities: [
      component('checkout', 'shop', 'storefront'),
      component('billing', 'money'),
      component('odd', 'others'),
    ],
  });
  const at = (service: string, environment = 'production') => ({
    service: `component:default/${service}`,
    environment,
  });

  it('is what the platform gives by service, system or owner, and nothing else', async () => {
    const namespaceOf = createNamespaces({
      environments: readNamespaces(
        config([
          {
            environment: 'production',
            namespaces: [
              { service: 'checkout', owner: 'money', namespace: 'never' },
              { system: 'storefront', namespace: 'shop' },
              { owner: 'group:default/money', namespace: 'money' },
            ],
          },
        ]),
      ),
      catalog,
      auth: mockServices.auth(),
    });
    expect(await namespaceOf(at('checkout'))).toBe('shop');
    expect(await namespaceOf(at('billing'))).toBe('money');
    await expect(namespaceOf(at('odd'))).rejects.toThrow(
      /gives component:default\/odd no namespace .* add one to delivery.kubernetes.environments\[0\]/,
    );
    await expect(namespaceOf(at('checkout', 'here'))).rejects.toMatchObject({
      name: 'InputError',
    });
    await expect(namespaceOf(at('unknown'))).rejects.toMatchObject({
      name: 'NotFoundError',
    });
  });

  it('is one of its environment, and of its cluster', () => {
    const environments = readNamespaces(
      config(
        [
          {
            environment: 'production',
            namespaces: [
              { system: 'storefront', namespace: 'shop' },
              { owner: 'money', namespace: 'money' },
              { owner: 'shop', namespace: 'shop' },
            ],
          },
          { environment: 'staging', namespace: 'try' },
        ],
        ['production', 'staging'],
      ),
    );
    expect(namespacesIn(environments, 'production')).toEqual(['shop', 'money']);
    expect(namespacesIn(environments, 'staging')).toEqual(['try']);
    expect(namespacesIn(environments, 'here')).toEqual([]);
    expect(namespacesOn(environments, 'eu')).toEqual(['shop', 'money', 'try']);
  });

  it('stands while the catalog does not answer, and follows a service that moves', async () => {
    let nowMs = 0;
    let entity: ReturnType<typeof component> | Error = component('a', 'shop');
    const namespaceOf = createNamespaces({
      environments: readNamespaces(
        config([
          {
            environment: 'production',
            namespaces: [
              { owner: 'shop', namespace: 'shop' },
              { owner: 'money', namespace: 'money' },
            ],
          },
        ]),
      ),
      catalog: catalogServiceMock.mock({
        getEntityByRef: async () => {
          if (entity instanceof Error) {
            throw entity;
          }
          return entity;
        },
      }),
      auth: mockServices.auth(),
      clock: () => nowMs,
    });
    expect(await namespaceOf(at('a'))).toBe('shop');
    entity = new Error('the catalog is down');
    nowMs += 60_000;
    expect(await namespaceOf(at('a'))).toBe('shop');
    await expect(namespaceOf(at('b'))).rejects.toThrow('the catalog is down');
    entity = component('a', 'money');
    expect(await namespaceOf(at('a'))).toBe('money');
  });

  it.each<[string, JsonObject[], RegExp]>([
    [
      'none for an environment',
      [],
      /gives no namespace to the environment production/,
    ],
    [
      'an environment elsewhere',
      [{ environment: 'here', namespace: 'a' }],
      /environments\[0\].environment: expected an environment .* \(production\); found "here"/,
    ],
    [
      'an environment twice',
      [
        { environment: 'production', namespace: 'a' },
        { environment: 'production', namespace: 'b' },
      ],
      /environments\[1\].environment: expected each environment once/,
    ],
    [
      'both forms',
      [{ environment: 'production', namespace: 'a', namespaces: [] }],
      /expected either "namespace".*; found "both"/,
    ],
    [
      'a name that is none',
      [{ environment: 'production', namespace: 'Shop_1' }],
      /environments\[0\].namespace: expected lowercase .*; found "Shop_1"/,
    ],
    [
      "Kubernetes' own",
      [{ environment: 'production', namespace: 'kube-system' }],
      /not one of Kubernetes' own/,
    ],
    [
      'a misspelt condition',
      [
        {
          environment: 'production',
          namespaces: [{ sytem: 'storefront', namespace: 'a' }],
        },
      ],
      /namespaces\[0\]: expected the keys .*; found "sytem"/,
    ],
  ])('is refused in the configuration: %s', (_, environments, message) => {
    expect(() => readNamespaces(config(environments))).toThrow(message);
  });

  it('is asked for by no configuration without Kubernetes', () => {
    expect(readNamespaces(new ConfigReader({}))).toEqual([]);
  });
});
