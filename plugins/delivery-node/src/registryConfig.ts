import { Config } from '@backstage/config';
import { InputError } from '@backstage/errors';
import { RegistryAccess } from './ports';

const KEY = 'delivery.registry';

/**
 * The platform's registry from `delivery.registry`; `undefined` when it is not
 * configured. Credentials are read anew each time they are needed, so a
 * configuration that changes is followed.
 *
 * Errors: `InputError`, naming the field.
 *
 * @public
 */
export function readRegistryConfig(root: Config): RegistryAccess | undefined {
  const config = root.getOptionalConfig(KEY);
  if (!config) {
    return undefined;
  }
  const text = config.getString('url');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain =
    url !== undefined &&
    ['http:', 'https:'].includes(url.protocol) &&
    url.username === '' &&
    url.search === '' &&
    url.hash === '' &&
    url.pathname === '/';
  if (!url || !isPlain) {
    throw new InputError(
      `${KEY}.url: expected the address of a registry such as https://registry.example.com, without path and credentials; found "${text.replace(
        /\/\/[^@/]*@/,
        '//***@',
      )}"`,
    );
  }
  const hasUser = config.has('username');
  if (hasUser !== config.has('password')) {
    throw new InputError(
      `${KEY}: expected username and password, or neither; found only one of them`,
    );
  }
  return {
    url: url.origin,
    host: url.host,
    ...(hasUser && {
      credentials: async () => ({
        username: root.getString(`${KEY}.username`),
        password: root.getString(`${KEY}.password`),
      }),
    }),
  };
}
