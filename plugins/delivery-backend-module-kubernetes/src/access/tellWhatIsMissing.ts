import { LoggerService } from '@backstage/backend-plugin-api';
import { isError } from '@backstage/errors';
import { AccessCheckOptions, checkAccess } from './checkAccess';

const LIMIT_MS = 60_000;

/** Logs what a cluster lacks, with what gives it. Never throws. */
export async function tellWhatIsMissing(
  options: AccessCheckOptions,
  logger: LoggerService,
): Promise<void> {
  try {
    const checks = await checkAccess(options, AbortSignal.timeout(LIMIT_MS));
    for (const { title, status, message, fix } of checks) {
      if (status === 'missing') {
        logger.warn(
          `${title}: ${message}${fix ? `\nTo give it:\n${fix}` : ''}`,
        );
      }
    }
  } catch (error) {
    logger.warn(
      `The rights could not be checked: ${
        isError(error) ? error.message : String(error)
      }`,
    );
  }
}
