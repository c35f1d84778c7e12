import { useState } from 'react';
import { useApi } from '@backstage/core-plugin-api';
import { toError } from '@backstage/errors';
import {
  OperationView,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useDeliveryTranslation } from '../../translation';
import { newKey } from '../../verbs';

export type OperationArgs = Record<string, string | number | boolean>;

export interface RunningOperation {
  sending: boolean;
  /** What the environment said, or why it could not be asked. */
  result?: { ok: boolean; text: string };
  /** Resolves to whether it was done. */
  run(args?: OperationArgs, reason?: string): Promise<boolean>;
}

/** Runs one operation that the environment's connection offers. */
export function useOperation(
  target: TargetView,
  operation: OperationView,
): RunningOperation {
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const [sending, setSending] = useState(false);
  const [result, setResult] = useState<RunningOperation['result']>();

  const run = async (args?: OperationArgs, reason?: string) => {
    setSending(true);
    setResult(undefined);
    let ok = false;
    try {
      const answer = await api.runOperation(
        target.service,
        target.environment.name,
        operation.id,
        { args, reason: reason || undefined, idempotencyKey: newKey() },
      );
      ok = answer.accepted;
      setResult({
        ok,
        text: t('settings.ran', {
          title: operation.title,
          message: answer.message,
        }),
      });
    } catch (cause) {
      setResult({
        ok: false,
        text: t('verbs.failed', {
          verb: operation.title,
          message: toError(cause).message,
        }),
      });
    }
    setSending(false);
    return ok;
  };
  return { sending, result, run };
}
