import { useEffect, useState } from 'react';
import FormControlLabel from '@material-ui/core/FormControlLabel';
import Switch from '@material-ui/core/Switch';
import {
  OperationView,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { OperationResult } from './OperationResult';
import { useOperation } from './useOperation';

/** An operation that is on or off; it moves at once, and back when it could not be done. */
export function OperationSwitch(props: {
  target: TargetView;
  operation: OperationView;
}) {
  const { target, operation } = props;
  const { sending, result, run } = useOperation(target, operation);
  const [expected, setExpected] = useState<boolean>();
  // The next overview tells the truth.
  useEffect(
    () => setExpected(undefined),
    [operation.on, operation.description],
  );
  return (
    <>
      <FormControlLabel
        control={
          <Switch
            color="primary"
            checked={expected ?? Boolean(operation.on)}
            disabled={sending || target.verbs.operate?.allowed === false}
            onChange={async (_, on) => {
              setExpected(on);
              if (!(await run({ on }))) {
                setExpected(undefined);
              }
            }}
          />
        }
        label={operation.title}
      />
      <OperationResult result={result} />
    </>
  );
}
