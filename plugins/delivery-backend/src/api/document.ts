import { readFileSync } from 'node:fs';
import { internal } from '@backstage/backend-openapi-utils';
import { resolvePackagePath } from '@backstage/backend-plugin-api';
import { parse } from 'yaml';

/** The OpenAPI document, by which requests are checked and which is served. */
export function readOpenApiDocument(): internal.RequiredDoc {
  const path = resolvePackagePath(
    '@slipway/backstage-plugin-delivery-backend',
    'src/schema/openapi.yaml',
  );
  const document = parse(readFileSync(path, 'utf8'));
  if (typeof document?.paths !== 'object') {
    throw new Error(`The OpenAPI document ${path} has no paths`);
  }
  return document;
}
