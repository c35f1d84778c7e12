import { InputError, isError } from '@backstage/errors';
import { importOptional } from './optional';
import { TokenSource, cachedTokens } from './tokenSource';

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const UNKNOWN_LIFE_MS = 10 * 60_000;

function parseKey(text: string | undefined): object | undefined {
  if (!text) {
    return undefined;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser's message can hold a piece of the key.
    throw new InputError(
      `kubernetes.googleServiceAccountCredentials is not the JSON of a service account's key (${
        isError(error) ? error.name : 'unreadable'
      })`,
    );
  }
}

/**
 * Access tokens of a Google service account: of the configured key, else of
 * the application default credentials.
 */
export function googleTokens(readKey: () => string | undefined): TokenSource {
  return cachedTokens(async () => {
    const { GoogleAuth } = await importOptional(
      () => import('google-auth-library'),
      'google-auth-library',
      'googleServiceAccount',
    );
    const credentials = parseKey(readKey());
    const auth = new GoogleAuth({
      scopes: [SCOPE],
      ...(credentials && { credentials }),
    });
    const client = await auth.getClient();
    const { token } = await client.getAccessToken();
    if (!token) {
      throw new InputError(
        'Google gave no access token; check kubernetes.googleServiceAccountCredentials, or the application default credentials of the backend',
      );
    }
    return {
      token,
      expiresAtMs:
        client.credentials.expiry_date ?? Date.now() + UNKNOWN_LIFE_MS,
    };
  });
}
