import {
  AuthService,
  LoggerService,
  SchedulerService,
} from '@backstage/backend-plugin-api';
import { Entity } from '@backstage/catalog-model';
import { CATALOG_FILTER_EXISTS } from '@backstage/catalog-client';
import { CatalogService } from '@backstage/plugin-catalog-node';
import { KnownMetric } from '@slipway/backstage-plugin-delivery-common';
import { SourceFetcher } from '@slipway/backstage-plugin-delivery-node';
import { DeliveryStore, ServiceRow } from '../store';
import { Abilities } from './connectionRules';
import { createDefinitionReader, DefinitionState } from './definitionReader';
import { EnvironmentConfig } from './environments';
import { DEFINITION_ANNOTATION, serviceOfEntity } from './serviceEntity';

/*
 * The catalog is the list of services; the store keeps a copy with the columns
 * that lists and permissions are filtered by. Nothing is taken out of the
 * store unless the catalog was read to its end.
 */

export interface ServiceSync {
  /** One whole comparison. Throws when the catalog cannot be read. */
  refresh(): Promise<void>;
  /** Compares now and then from now on. */
  start(): Promise<void>;
}

export interface ServiceSyncOptions {
  catalog: Pick<CatalogService, 'queryEntities'>;
  auth: Pick<AuthService, 'getOwnServiceCredentials'>;
  store: Pick<DeliveryStore, 'services' | 'targets'>;
  environments: EnvironmentConfig[];
  /** Metrics that definitions may name beside those that everybody knows. */
  metrics?: readonly KnownMetric[];
  /** By environment: what they cannot do is shown as a problem of the definition. */
  connections?: ReadonlyMap<string, Abilities>;
  scheduler: Pick<SchedulerService, 'createScheduledTaskRunner'>;
  logger: LoggerService;
  /**
   * Reads the definitions of the default branches, so that their problems are
   * shown and a service has exactly the targets that it names. Without them a
   * service has a target in every environment.
   */
  fetchers?: SourceFetcher[];
}

const PAGE_SIZE = 500;
const FIELDS = ['apiVersion', 'kind', 'metadata', 'relations'];
const FREQUENCY_SECONDS = 15;

export function createServiceSync(options: ServiceSyncOptions): ServiceSync {
  const { catalog, auth, store, environments, scheduler, logger } = options;
  const reader =
    options.fetchers &&
    createDefinitionReader({
      fetchers: options.fetchers,
      environments: environments.map(({ name }) => name),
      metrics: options.metrics,
      connections: options.connections,
      logger,
    });
  /** Said once, not every few seconds. */
  const complained = new Map<string, string>();

  async function readCatalog(): Promise<ServiceRow[]> {
    const rows: ServiceRow[] = [];
    const problems = new Map<string, string>();
    let cursor: string | undefined;
    do {
      const page = await catalog.queryEntities(
        cursor
          ? { cursor, limit: PAGE_SIZE, fields: FIELDS }
          : {
              filter: {
                kind: 'Component',
                [`metadata.annotations.${DEFINITION_ANNOTATION}`]:
                  CATALOG_FILTER_EXISTS,
              },
              orderFields: [{ field: 'metadata.uid', order: 'asc' }],
              limit: PAGE_SIZE,
              fields: FIELDS,
            },
        { credentials: await auth.getOwnServiceCredentials() },
      );
      for (const entity of page.items) {
        collect(entity, rows, problems);
      }
      cursor = page.pageInfo.nextCursor;
    } while (cursor);
    for (const [ref, problem] of problems) {
      if (complained.get(ref) !== problem) {
        logger.warn(`Not a service: ${problem}`);
      }
    }
    complained.clear();
    problems.forEach((problem, ref) => complained.set(ref, problem));
    return rows;
  }

  function collect(
    entity: Entity,
    rows: ServiceRow[],
    problems: Map<string, string>,
  ) {
    const service = serviceOfEntity(entity);
    if ('row' in service) {
      rows.push(service.row);
    } else {
      problems.set(service.problem.split(':', 2).join(':'), service.problem);
    }
  }

  async function storedRefs(): Promise<string[]> {
    const refs: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.services.list({ cursor, limit: 200 });
      refs.push(...page.items.map(({ ref }) => ref));
      cursor = page.nextCursor;
    } while (cursor);
    return refs;
  }

  /** What the definitions of the default branches say; empty where unknown. */
  async function readDefinitions(
    rows: ServiceRow[],
  ): Promise<Map<string, DefinitionState>> {
    return reader ? reader.read(rows) : new Map();
  }

  async function refresh() {
    const rows = await readCatalog();
    const states = await readDefinitions(rows);
    const withErrors = await Promise.all(
      rows.map(async row => {
        const state = states.get(row.ref);
        // Unknown is not "no longer wrong": what was known stays.
        const definitionError = state
          ? state.problem
          : (await store.services.get(row.ref))?.definitionError;
        return { ...row, ...(definitionError && { definitionError }) };
      }),
    );
    await store.services.upsertMany(withErrors);
    await store.targets.ensureMany(
      rows.flatMap(row =>
        targetsOf(row, states.get(row.ref)).map(({ name, tier }) => ({
          target: { service: row.ref, environment: name },
          tier,
          owner: row.owner,
          system: row.system,
        })),
      ),
    );
    const present = new Set(rows.map(({ ref }) => ref));
    const gone = (await storedRefs()).filter(ref => !present.has(ref));
    if (gone.length > 0) {
      await store.services.removeMissing(gone);
      logger.info(`No longer services: ${gone.join(', ')}`);
    }
  }

  function targetsOf(
    _row: ServiceRow,
    state: DefinitionState | undefined,
  ): EnvironmentConfig[] {
    if (!reader) {
      return environments;
    }
    const named = state?.environments ?? [];
    return environments.filter(({ name }) => named.includes(name));
  }

  let running: Promise<void> | undefined;
  function refreshOnce(): Promise<void> {
    running ??= refresh().finally(() => {
      running = undefined;
    });
    return running;
  }

  return {
    refresh: refreshOnce,
    async start() {
      const runner = scheduler.createScheduledTaskRunner({
        frequency: { seconds: FREQUENCY_SECONDS },
        timeout: { minutes: 10 },
        initialDelay: { seconds: 2 },
        // Each backend keeps its own memory of what it has read.
        scope: 'local',
      });
      await runner.run({
        id: 'delivery-service-sync',
        fn: async () => {
          try {
            await refreshOnce();
          } catch (error) {
            logger.warn(`Could not compare with the catalog: ${error}`);
          }
        },
      });
    },
  };
}
