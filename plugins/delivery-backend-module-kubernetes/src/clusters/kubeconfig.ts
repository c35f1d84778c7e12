import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { NotFoundError, isError } from '@backstage/errors';

/** Files of a kubeconfig: what is configured, else `KUBECONFIG`, else the home's. */
export function kubeconfigFiles(
  configured: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): string[] {
  const text = configured ?? env.KUBECONFIG;
  const files = text?.split(delimiter).filter(Boolean) ?? [];
  return files.length > 0 ? files : [join(homedir(), '.kube', 'config')];
}

/** `undefined`: there is no such file. */
async function changedAt(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).mtimeMs;
  } catch (error) {
    if (isError(error) && error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

/**
 * The kubeconfig with one of its contexts as the current one, read again when
 * a file has changed. The context `default` is the one that the file calls
 * current, unless there is one of that name.
 *
 * Errors: `NotFoundError` when no file, or no such context, is there.
 */
export function createKubeconfigReader(files: string[]) {
  let kept: { key: string; kubeConfig: KubeConfig } | undefined;

  async function read(): Promise<KubeConfig> {
    const times = await Promise.all(files.map(changedAt));
    const present = files.filter((_, index) => times[index] !== undefined);
    if (present.length === 0) {
      throw new NotFoundError(
        `There is no kubeconfig at ${files.join(
          ' or ',
        )}; set delivery.kubernetes.kubeconfig.file, or KUBECONFIG`,
      );
    }
    const key = JSON.stringify(times);
    if (kept?.key !== key) {
      const [first, ...others] = present;
      const kubeConfig = new KubeConfig();
      kubeConfig.loadFromFile(first);
      for (const file of others) {
        const other = new KubeConfig();
        other.loadFromFile(file);
        kubeConfig.mergeConfig(other, true);
      }
      kept = { key, kubeConfig };
    }
    return kept.kubeConfig;
  }

  return {
    async has(context: string): Promise<boolean> {
      const kubeConfig = await read();
      return (
        context === 'default' || kubeConfig.getContextObject(context) !== null
      );
    },
    async load(context: string): Promise<KubeConfig> {
      const all = await read();
      const chosen = new KubeConfig();
      chosen.loadFromOptions({
        clusters: all.getClusters(),
        contexts: all.getContexts(),
        users: all.getUsers(),
        currentContext: all.getContextObject(context)
          ? context
          : context === 'default' && all.getCurrentContext(),
      });
      if (!chosen.getContextObject(chosen.getCurrentContext())) {
        throw new NotFoundError(
          `The kubeconfig has no context "${context}"; it has ${
            all
              .getContexts()
              .map(({ name }) => name)
              .join(', ') || 'none'
          }`,
        );
      }
      return chosen;
    },
  };
}
