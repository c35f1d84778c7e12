import { Config } from '@backstage/config';
import { InputError } from '@backstage/errors';
import { ClusterDetails } from '../types';
import { awsTokens } from './aws';
import { azureTokens } from './azure';
import { googleTokens } from './google';
import { tokenFromFile } from './tokenFile';
import { TokenSource } from './tokenSource';

export type { TokenSource } from './tokenSource';

/** How requests to a cluster are signed; `undefined`: not at all. */
export function createTokenSource(
  { name, auth }: ClusterDetails,
  rootConfig: Config,
): TokenSource | undefined {
  switch (auth.provider) {
    case 'none':
      return undefined;
    case 'token':
      return {
        async current() {
          const token = auth.read();
          if (!token) {
            throw new InputError(
              `The serviceAccountToken of the cluster ${name} is gone from the configuration`,
            );
          }
          return token.trim();
        },
        renew() {},
      };
    case 'tokenFile':
      return tokenFromFile(auth.file);
    case 'aws':
      return awsTokens(auth, rootConfig);
    case 'googleServiceAccount':
      return googleTokens(auth.readKey);
    case 'azure':
      return azureTokens();
    default:
      return unknownProvider(auth);
  }
}

function unknownProvider(auth: never): never {
  throw new InputError(`Unknown authProvider ${JSON.stringify(auth)}`);
}
