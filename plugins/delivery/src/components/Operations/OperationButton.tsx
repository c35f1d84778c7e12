import { useState } from 'react';
import {
  OperationView,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { useDeliveryTranslation } from '../../translation';
import { ReasonedButton } from '../ReasonedButton';
import { OperationDialog } from './OperationDialog';
import { OperationResult } from './OperationResult';
import { OperationArgs, useOperation } from './useOperation';

/**
 * An operation that is done once; one that destroys something, or must be told
 * something, asks first. One that cannot be used says why.
 */
export function OperationButton(props: {
  target: TargetView;
  operation: OperationView;
  args?: OperationArgs;
  /** What it is done to, when that is not the environment. */
  subject?: string;
}) {
  const { target, operation, args, subject } = props;
  const { title, destructive } = operation;
  const t = useDeliveryTranslation();
  const { sending, result, run } = useOperation(target, operation);
  const [asking, setAsking] = useState(false);
  const asks = destructive || (operation.arguments ?? []).length > 0;
  const may = target.verbs.operate;
  const refused =
    may?.allowed === false ? may.reason ?? t('settings.notAllowed') : undefined;
  const busy = sending ? t('verbs.state.busy') : undefined;
  return (
    <>
      <ReasonedButton
        label={title}
        name={subject && `${title}: ${subject}`}
        reason={refused ?? operation.unavailable ?? busy}
        onClick={() => (asks ? setAsking(true) : run(args))}
      />
      <OperationResult result={result} />
      {asking && (
        <OperationDialog
          target={target}
          operation={operation}
          subject={subject}
          onClose={() => setAsking(false)}
          onConfirm={(asked, reason) => {
            setAsking(false);
            run({ ...args, ...asked }, reason);
          }}
        />
      )}
    </>
  );
}
