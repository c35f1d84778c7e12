import { versionOf } from '../version';
import { Stage } from '../types';

/** The tree of exactly the release's commit, into an empty workspace. */
export const fetchStage: Stage = {
  name: 'fetch',
  needs: [],
  async run({ release, checkpoint, folders, fetcher, tuning, log, signal }) {
    await folders.empty(folders.workspace);
    const { repository, defaultBranch } = checkpoint.source;
    const { sha } = release.commit;
    const workspace = await fetcher.fetch(
      { service: release.service, repository, defaultBranch },
      sha,
      folders.workspace,
      { log, signal, limits: tuning.fetchLimits },
    );
    if (workspace.commit.sha !== sha) {
      throw new Error(
        `The fetcher ${fetcher.id} brought commit ${workspace.commit.sha} where ${sha} was asked for`,
      );
    }
    const version = versionOf(sha, workspace.describe);
    log(`Fetched ${sha} (${version})`);
    return {
      checkpoint: {
        workspace: {
          ...(workspace.describe && { describe: workspace.describe }),
        },
      },
      release: { version },
      facts: { commit: sha, version, fetcher: fetcher.id },
    };
  },
};
