import Alert from '@material-ui/lab/Alert';
import { RunningOperation } from './useOperation';

/** What came of an operation. */
export function OperationResult(props: Pick<RunningOperation, 'result'>) {
  const { result } = props;
  return result ? (
    <Alert
      severity={result.ok ? 'info' : 'error'}
      role={result.ok ? 'status' : 'alert'}
    >
      {result.text}
    </Alert>
  ) : null;
}
