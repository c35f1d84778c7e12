import { PinnedBase } from './bases';

interface Rule {
  action: 'ALLOW' | 'DENY' | 'CONVERT';
  selector: { identifier: string };
  updates?: { identifier: string };
}

/**
 * What a build may read, enforced by BuildKit for everything that a Dockerfile
 * can name (FROM, COPY --from, ADD of an address or a git repository): its own
 * context, and images of the hosts that are allowed. The images that we have
 * resolved are replaced by their digests, so what is built is what is recorded.
 *
 * Source: BuildKit, docs/build-repro.md and the package sourcepolicy.
 */
export function sourcePolicy(options: {
  bases: PinnedBase[];
  hosts: string[];
}): { rules: Rule[] } {
  return {
    rules: [
      ...options.bases
        .filter(({ identifier, pinned }) => identifier !== pinned)
        .map(
          ({ identifier, pinned }): Rule => ({
            action: 'CONVERT',
            selector: { identifier: `docker-image://${identifier}` },
            updates: { identifier: `docker-image://${pinned}` },
          }),
        ),
      { action: 'DENY', selector: { identifier: '*' } },
      { action: 'ALLOW', selector: { identifier: 'local://*' } },
      ...options.hosts.map(
        (host): Rule => ({
          action: 'ALLOW',
          selector: { identifier: `docker-image://${host}/*` },
        }),
      ),
    ],
  };
}
