import { NotImplementedError, isError } from '@backstage/errors';

/**
 * A library that only some clusters need.
 *
 * Errors: `NotImplementedError` saying what to install.
 */
export async function importOptional<T>(
  load: () => Promise<T>,
  name: string,
  provider: string,
): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (
      isError(error) &&
      (error.code === 'ERR_MODULE_NOT_FOUND' ||
        error.code === 'MODULE_NOT_FOUND')
    ) {
      throw new NotImplementedError(
        `The authProvider "${provider}" needs the package ${name}, which is not installed; add it to the backend`,
      );
    }
    throw error;
  }
}
