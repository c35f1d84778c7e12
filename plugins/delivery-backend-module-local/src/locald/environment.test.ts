import {
  buildEnvironment,
  localiseUrl,
  serviceUrlVariable,
} from './environment';

const PEERS = new Map([
  ['pricing', 'http://127.0.0.1:20001'],
  ['tea-shop', 'http://127.0.0.1:20002'],
]);

function build(entries: Parameters<typeof buildEnvironment>[0]['entries']) {
  return buildEnvironment({
    image: ['PATH=/image/bin', 'COLOUR=red', 'EMPTY='],
    entries,
    peers: PEERS,
    secrets: { till: { api: 'hush' } },
    instance: 'shop-1',
    environment: 'staging',
    port: 26001,
    homeDirectory: '/home/of/it',
    mark: 'mark',
  });
}

describe('the environment of a service', () => {
  it('holds nothing of the process that starts it', () => {
    process.env.SLIPWAY_TEST_SECRET = 'leak';
    const environment = build([]);
    delete process.env.SLIPWAY_TEST_SECRET;
    expect(Object.keys(environment).sort()).toEqual(
      expect.arrayContaining(['COLOUR', 'EMPTY', 'HOME', 'PATH', 'PORT']),
    );
    expect(JSON.stringify(environment)).not.toContain('leak');
    expect(environment.PATH).not.toContain('/image/bin');
  });

  it('tells where the other services are, by variable and by cluster name', () => {
    const environment = build([
      { name: 'A', value: 'http://pricing' },
      { name: 'B', value: 'http://tea-shop.shop.svc.cluster.local:8080/v1' },
      { name: 'C', value: 'http://example.org/pricing' },
      { name: 'D', value: 'http://unknown' },
    ]);
    expect(environment).toMatchObject({
      PRICING_SERVICE_URL: 'http://127.0.0.1:20001',
      TEA_SHOP_SERVICE_URL: 'http://127.0.0.1:20002',
      A: 'http://127.0.0.1:20001',
      B: 'http://127.0.0.1:20002/v1',
      C: 'http://example.org/pricing',
      D: 'http://unknown',
    });
    expect(serviceUrlVariable('a.b-c')).toBe('A_B_C_SERVICE_URL');
    expect(localiseUrl('https://pricing', PEERS)).toBe('https://pricing');
  });

  it('lets the manifest win over the image, and PORT over everything', () => {
    const environment = build([
      { name: 'COLOUR', value: 'blue' },
      { name: 'PORT', value: '80' },
      { name: 'SELF', value: 'http://localhost:$(PORT)/$(NOBODY)/$$(COLOUR)' },
      { name: 'KEY', secret: { name: 'till', key: 'api' } },
      { name: 'POD', field: 'name' },
    ]);
    expect(environment).toMatchObject({
      COLOUR: 'blue',
      PORT: '26001',
      SELF: 'http://localhost:80/$(NOBODY)/$(COLOUR)',
      KEY: 'hush',
      POD: 'shop-1',
    });
  });

  it('says which key of which secret is missing, unless it is optional', () => {
    const secret = { name: 'till', key: 'pin' };
    expect(() => build([{ name: 'PIN', secret }])).toThrow(
      /PIN needs the key "pin" of secret "till".*secrets\/staging\.json/,
    );
    expect(
      build([{ name: 'PIN', secret: { ...secret, optional: true } }]),
    ).not.toHaveProperty('PIN');
  });
});
