import { required } from '../arguments';
import { describeTarget } from '../describe';
import { EXIT, Ending } from '../exitCodes';
import { Session } from '../session';

/** `slipway status` */
export async function status(session: Session): Promise<Ending> {
  const service = required(session.args.service, '--service');
  const overview = await session.client.getOverview(service);
  const problem = overview.service.definitionError;
  const lines = overview.targets.map(describeTarget);
  if (problem) {
    lines.unshift(
      `The definition cannot be used: ${problem.file}${
        problem.line ? `:${problem.line}:${problem.column ?? 1}` : ''
      }: expected ${problem.expected}, found ${problem.found}`,
    );
  }
  return {
    code: EXIT.succeeded,
    message: lines.join('\n') || 'This service has no environments yet',
    result: overview,
  };
}
