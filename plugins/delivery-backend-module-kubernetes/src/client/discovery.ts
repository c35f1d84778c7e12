import { isNotFound } from './errors';
import { KubeClient, ResourceInfo } from './types';

/** What a cluster does not serve may be installed later: asked again after this. */
const MISSING_FOR_MS = 10_000;
/** What it serves rarely changes. */
const SERVED_FOR_MS = 10 * 60_000;

interface Answer {
  untilMs: number;
  resources: Promise<Map<string, ResourceInfo>>;
}

/** Which kinds a cluster serves, by group version; remembered for a while. */
export function createDiscovery(
  raw: KubeClient['raw'],
): Pick<KubeClient, 'resource'> {
  const answers = new Map<string, Answer>();

  async function read(
    apiVersion: string,
    signal: AbortSignal,
  ): Promise<Map<string, ResourceInfo>> {
    const path = apiVersion.includes('/')
      ? `/apis/${apiVersion}`
      : `/api/${apiVersion}`;
    try {
      const { resources } = await raw<{
        resources: Array<{
          name: string;
          kind: string;
          namespaced: boolean;
          verbs: string[];
        }>;
      }>({ method: 'GET', path }, signal);
      return new Map(
        resources
          .filter(({ name }) => !name.includes('/'))
          .map(({ name, kind, namespaced, verbs }) => [
            kind,
            { apiVersion, kind, plural: name, namespaced, verbs },
          ]),
      );
    } catch (error) {
      if (isNotFound(error)) {
        return new Map();
      }
      throw error;
    }
  }

  return {
    async resource(apiVersion, kind, signal) {
      const known = answers.get(apiVersion);
      if (known && known.untilMs > Date.now()) {
        const found = (await known.resources).get(kind);
        if (found) {
          return found;
        }
        if (known.untilMs - SERVED_FOR_MS + MISSING_FOR_MS > Date.now()) {
          return undefined;
        }
      }
      const resources = read(apiVersion, signal);
      answers.set(apiVersion, {
        untilMs: Date.now() + SERVED_FOR_MS,
        resources,
      });
      try {
        return (await resources).get(kind);
      } catch (error) {
        answers.delete(apiVersion);
        throw error;
      }
    },
  };
}
