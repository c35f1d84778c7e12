import { InputError } from '@backstage/errors';
import { importOptional } from './optional';
import { TokenSource, cachedTokens } from './tokenSource';

/** The application that all managed clusters of Azure share. */
const AKS_SCOPE = '6dae42f8-4368-4678-94ff-3960e28e3630/.default';

/** Tokens for AKS with Microsoft Entra ID, of the backend's own identity. */
export function azureTokens(): TokenSource {
  return cachedTokens(async () => {
    const { DefaultAzureCredential } = await importOptional(
      () => import('@azure/identity'),
      '@azure/identity',
      'azure',
    );
    const found = await new DefaultAzureCredential().getToken(AKS_SCOPE);
    if (!found) {
      throw new InputError(
        'Azure gave no access token; check the identity of the backend',
      );
    }
    return { token: found.token, expiresAtMs: found.expiresOnTimestamp };
  });
}
