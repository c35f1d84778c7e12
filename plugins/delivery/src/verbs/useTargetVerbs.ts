import { useCallback, useEffect, useRef, useState } from 'react';
import { useAnalytics, useApi } from '@backstage/core-plugin-api';
import { toError } from '@backstage/errors';
import {
  CommandAnswer,
  DeliveryApi,
  Deployment,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../api';
import { useDeliveryTranslation } from '../translation';
import { newKey } from './newKey';
import { VerbId, choosesRelease, isTargetVerb } from './verbIds';

/** An accepted verb is shown as under way until the target changes, at most so long. */
const PENDING_AT_MOST_MS = 5_000;

export interface VerbInput {
  verb: VerbId;
  reason?: string;
  /** For verbs that begin a deployment. */
  releaseId?: string;
  /** For verbs on a deployment. */
  deployment?: Deployment;
}

export interface TargetVerbs {
  /** Sent, and the page has not changed yet. */
  pending?: VerbId;
  /** What went wrong, in a sentence; `again` sends the same once more. */
  failure?: { message: string; again?: () => void };
  /** What the backend said. */
  answer?: string;
  dismiss(): void;
  run(input: VerbInput): void;
}

async function send(
  api: DeliveryApi,
  target: TargetView,
  input: VerbInput,
  idempotencyKey: string,
): Promise<CommandAnswer | undefined> {
  const { verb, reason, releaseId, deployment } = input;
  const { service, environment } = target;
  const request = { reason: reason || undefined, idempotencyKey };
  if (choosesRelease(verb)) {
    await api.createDeployment({
      ...request,
      service,
      environment: environment.name,
      releaseId: releaseId ?? '',
      kind: verb,
    });
    return undefined;
  }
  if (isTargetVerb(verb)) {
    return api.commandTarget(service, environment.name, verb, request);
  }
  return api.commandDeployment(deployment?.id ?? '', verb, request);
}

/**
 * Sends verbs for a target. The page moves at once (`onSent`, to show what is
 * expected) and tells the truth when the answer differs.
 */
export function useTargetVerbs(
  target: TargetView,
  handlers: { onSent?: (verb: VerbId) => void; reload: () => Promise<void> },
): TargetVerbs {
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const analytics = useAnalytics();
  const [pending, setPending] = useState<{
    verb: VerbId;
    answered?: boolean;
  }>();
  const [failure, setFailure] = useState<TargetVerbs['failure']>();
  const [answer, setAnswer] = useState<string>();
  const latest = useRef({ target, handlers });
  latest.current = { target, handlers };

  const attempt = useCallback(
    async (input: VerbInput, key: string) => {
      const { target: at, handlers: to } = latest.current;
      const verb = t(`verbs.label.${input.verb}`).replace('…', '');
      setFailure(undefined);
      setAnswer(undefined);
      setPending({ verb: input.verb });
      to.onSent?.(input.verb);
      analytics.captureEvent(input.verb, at.service, {
        attributes: { environment: at.environment.name },
      });
      try {
        const said = await send(api, at, input, key);
        if (said && !said.accepted) {
          setFailure({
            message: t('verbs.refused', { verb, message: said.message }),
          });
          setPending(undefined);
        } else {
          setAnswer(
            said?.message &&
              t('verbs.accepted', { verb, message: said.message }),
          );
          setPending({ verb: input.verb, answered: true });
        }
      } catch (cause) {
        setFailure({
          message: t('verbs.failed', { verb, message: toError(cause).message }),
          again: () => attempt(input, key),
        });
        setPending(undefined);
      }
      await latest.current.handlers.reload();
    },
    [api, t, analytics],
  );

  useEffect(() => {
    setPending(before => (before?.answered ? undefined : before));
  }, [target.rowVersion]);

  useEffect(() => {
    if (!pending?.answered) {
      return undefined;
    }
    const timer = setTimeout(() => setPending(undefined), PENDING_AT_MOST_MS);
    return () => clearTimeout(timer);
  }, [pending]);

  return {
    pending: pending?.verb,
    failure,
    answer,
    dismiss: useCallback(() => {
      setFailure(undefined);
      setAnswer(undefined);
    }, []),
    run: useCallback(
      (input: VerbInput) => {
        attempt(input, newKey());
      },
      [attempt],
    ),
  };
}
