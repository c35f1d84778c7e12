import { mockServices } from '@backstage/backend-test-utils';
import { readRegistryConfig } from './registryConfig';

const read = (registry?: object) =>
  readRegistryConfig(
    mockServices.rootConfig({ data: { delivery: { registry } } }),
  );

describe('the platform’s registry', () => {
  it('is absent, or an address with or without credentials', async () => {
    expect(read()).toBeUndefined();
    expect(read({ url: 'http://10.99.0.2:5000' })).toEqual({
      url: 'http://10.99.0.2:5000',
      host: '10.99.0.2:5000',
    });
    const access = read({
      url: 'https://registry.example.com/',
      username: 'ci',
      password: 'open sesame',
    });
    expect(access).toMatchObject({ host: 'registry.example.com' });
    await expect(access?.credentials?.()).resolves.toEqual({
      username: 'ci',
      password: 'open sesame',
    });
  });

  it.each([
    [{ url: 'registry.example.com' }, /expected the address/],
    [{ url: 'ftp://registry.example.com' }, /expected the address/],
    [{ url: 'https://registry.example.com/team' }, /without path/],
    [{ url: 'https://registry.example.com', username: 'ci' }, /only one/],
  ])('refuses %j', (registry, message) => {
    expect(() => read(registry)).toThrow(message);
  });

  it('does not repeat credentials of an address', () => {
    expect(() =>
      read({ url: 'https://ci:secret@registry.example.com' }),
    ).toThrow(/\*\*\*/);
    expect(() =>
      read({ url: 'https://ci:secret@registry.example.com' }),
    ).not.toThrow(/secret/);
  });
});
