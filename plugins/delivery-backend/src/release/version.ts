/**
 * The name of a release: the tag at its commit, else the nearest tag before it
 * with distance and commit as `git describe` writes it, else `0.0.0` and the
 * commit.
 */
export function versionOf(
  sha: string,
  describe?: { tag: string; distance: number },
): string {
  const short = sha.slice(0, 7);
  if (!describe) {
    return `0.0.0-${short}`;
  }
  return describe.distance === 0
    ? describe.tag
    : `${describe.tag}-${describe.distance}-g${short}`;
}

const TAG_LENGTH = 100;

/** The version as a registry's tag can carry it. */
export function tagOf(version: string): string {
  const tag = version.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, TAG_LENGTH);
  return /^[A-Za-z0-9_]/.test(tag) ? tag : `v${tag}`;
}
