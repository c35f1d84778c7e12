import { LoggerService } from '@backstage/backend-plugin-api';
import {
  DefinitionProblem,
  KnownMetric,
} from '@slipway/backstage-plugin-delivery-common';
import { SourceFetcher } from '@slipway/backstage-plugin-delivery-node';
import { ServiceRow } from '../store';
import { Abilities, isStarted } from './connectionRules';
import { parseDefinition } from './parseDefinition';

/** What the definition of a default branch says. */
export interface DefinitionState {
  /** The first problem, when it cannot be used. */
  problem?: DefinitionProblem;
  /** The environments that it names; empty when it cannot be used. */
  environments: string[];
}

export interface DefinitionReader {
  /** By service. Services whose repository could not be read are left out. */
  read(rows: ServiceRow[]): Promise<Map<string, DefinitionState>>;
}

const CONCURRENCY = 4;
const READ_LIMIT_MS = 30_000;

/**
 * Reads the definitions at the heads of default branches. A repository is asked
 * for its head once a round, and its files are read again only when that moved.
 */
export function createDefinitionReader(options: {
  fetchers: SourceFetcher[];
  environments: string[];
  /** Metrics of the platform's own. */
  metrics?: readonly KnownMetric[];
  /** By environment; see `ParseDefinitionOptions`. */
  connections?: ReadonlyMap<string, Abilities>;
  logger: LoggerService;
}): DefinitionReader {
  const { fetchers, environments, metrics, connections, logger } = options;
  const known = new Map<string, { key: string; state: DefinitionState }>();
  const complained = new Set<string>();

  async function readOne(
    row: ServiceRow,
    fetcher: SourceFetcher,
    sha: string,
    signal: AbortSignal,
  ): Promise<DefinitionState> {
    const key = [
      row.repository,
      sha,
      row.definitionPath,
      row.name,
      // What could not be asked last time is asked once it can be.
      ...environments.filter(name => isStarted(connections?.get(name))),
    ].join('\n');
    const before = known.get(row.ref);
    if (before?.key === key) {
      return before.state;
    }
    const file = row.definitionPath;
    const bytes = await fetcher.readFile(sourceOf(row), sha, file, signal);
    const state = bytes
      ? stateOf(bytes.toString('utf8'), row)
      : {
          environments: [],
          problem: {
            file,
            expected: `a delivery definition at the head of ${
              row.defaultBranch ?? 'the default branch'
            }`,
            found: 'no such file',
          },
        };
    known.set(row.ref, { key, state });
    return state;
  }

  function stateOf(text: string, row: ServiceRow): DefinitionState {
    const { model, problems } = parseDefinition(text, {
      file: row.definitionPath,
      name: row.name,
      environments,
      metrics,
      connections,
    });
    return {
      ...(problems[0] && { problem: problems[0] }),
      environments: model?.environments.map(({ ref }) => ref) ?? [],
    };
  }

  async function readRepository(
    rows: ServiceRow[],
    into: Map<string, DefinitionState>,
  ) {
    const [first] = rows;
    const fetcher = fetchers.find(candidate =>
      candidate.handles(first.repository),
    );
    try {
      if (!fetcher) {
        throw new Error('no source fetcher handles it');
      }
      const signal = AbortSignal.timeout(READ_LIMIT_MS);
      const { sha } = await fetcher.resolve(
        sourceOf(first),
        first.defaultBranch ?? 'HEAD',
        signal,
      );
      for (const row of rows) {
        into.set(row.ref, await readOne(row, fetcher, sha, signal));
      }
      complained.delete(first.repository);
    } catch (error) {
      if (!complained.has(first.repository)) {
        complained.add(first.repository);
        logger.warn(`Could not read ${first.repository}: ${error}`);
      }
    }
  }

  return {
    async read(rows) {
      const states = new Map<string, DefinitionState>();
      const repositories = new Map<string, ServiceRow[]>();
      for (const row of rows) {
        const key = `${row.repository}\n${row.defaultBranch ?? ''}`;
        repositories.set(key, [...(repositories.get(key) ?? []), row]);
      }
      const waiting = [...repositories.values()];
      const worker = async () => {
        for (let next = waiting.pop(); next; next = waiting.pop()) {
          await readRepository(next, states);
        }
      };
      await Promise.all(Array.from({ length: CONCURRENCY }, worker));
      const present = new Set(rows.map(({ ref }) => ref));
      for (const ref of known.keys()) {
        if (!present.has(ref)) {
          known.delete(ref);
        }
      }
      return states;
    },
  };
}

function sourceOf({ ref, repository, defaultBranch }: ServiceRow) {
  return { service: ref, repository, defaultBranch };
}
