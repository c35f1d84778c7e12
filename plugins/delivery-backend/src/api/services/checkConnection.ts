import { ConnectionCheck } from '@slipway/backstage-plugin-delivery-common';
import {
  CheckSubject,
  Connection,
} from '@slipway/backstage-plugin-delivery-node';
import { withTimeLimit } from '../../live';

/** Rights are asked for one by one. */
export const CHECK_LIMIT_MS = 60_000;

/** What a connection lacks; nothing where it has nothing to be checked. */
export async function checkConnection(
  connection: Connection,
  of: CheckSubject,
  signal: AbortSignal,
): Promise<ConnectionCheck[]> {
  return withTimeLimit(
    CHECK_LIMIT_MS,
    `The check of the connection ${connection.type}/${connection.name} of ${of.environment}`,
    async limited =>
      (await connection.check?.(of, AbortSignal.any([signal, limited]))) ?? [],
  );
}
