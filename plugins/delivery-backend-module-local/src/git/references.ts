import { InputError } from '@backstage/errors';

const MAX_LENGTH = 250;

/** Whether the text is a full commit id. */
export function isFullSha(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

/**
 * What a person may type for a commit: a branch, a tag, `refs/...`, or an id
 * of at least four digits. Anything that git or a shell could take as an
 * option or an expression is refused.
 *
 * Source: the rules of git-check-ref-format, narrowed to plain characters.
 *
 * Errors: `InputError`.
 */
export function checkReference(text: string): string {
  const isPlain =
    text.length > 0 &&
    text.length <= MAX_LENGTH &&
    /^[A-Za-z0-9._/+@-]+$/.test(text) &&
    !text.startsWith('-') &&
    !text.includes('..') &&
    !text.includes('//') &&
    !text.includes('@{') &&
    text !== '@' &&
    !text.endsWith('/') &&
    text
      .split('/')
      .every(
        part =>
          part !== '' &&
          !part.startsWith('.') &&
          !part.startsWith('-') &&
          !part.endsWith('.') &&
          !part.endsWith('.lock'),
      );
  if (!isPlain) {
    throw new InputError(
      `${JSON.stringify(
        text.slice(0, 100),
      )} is not a valid git reference; expected the name of a branch or tag, or a commit id`,
    );
  }
  return text;
}

/** A path inside a repository. Errors: `InputError`. */
export function checkRepositoryPath(path: string): string {
  const parts = path.split('/');
  if (
    path === '' ||
    path.includes('\0') ||
    parts.some(part => part === '' || part === '.' || part === '..')
  ) {
    throw new InputError(
      `${JSON.stringify(
        path.slice(0, 200),
      )} is not a path inside a repository; expected parts joined by single slashes`,
    );
  }
  return path;
}
