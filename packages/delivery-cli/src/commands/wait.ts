import { required } from '../arguments';
import { Ending } from '../exitCodes';
import { Session } from '../session';
import { waitForDeployment } from '../waiting';

/** `slipway wait <deployment id>` */
export async function wait(session: Session): Promise<Ending> {
  return waitForDeployment(
    session,
    required(session.args.operands[0], 'The id of the deployment'),
  );
}
