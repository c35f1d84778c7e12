import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  AuditorService,
  AuthService,
  DatabaseService,
  HttpAuthService,
  HttpRouterService,
  LifecycleService,
  LoggerService,
  PermissionsRegistryService,
  PermissionsService,
  RootConfigService,
  SchedulerService,
} from '@backstage/backend-plugin-api';
import { InputError } from '@backstage/errors';
import { MetricsService } from '@backstage/backend-plugin-api/alpha';
import { CatalogService } from '@backstage/plugin-catalog-node';
import { judge } from '../analysis';
import {
  createAudit,
  createAuthorizer,
  createEventsService,
  createRouter,
  createServices,
  HealthWatch,
  readMachines,
  registerPermissions,
} from '../api';
import { addedMetrics, createConnections } from '../connections';
import {
  createServiceSync,
  definitionJsonSchema,
  readEnvironments,
} from '../definition';
import { Engine, createEngine } from '../engine';
import {
  createChangeStream,
  createLive,
  createNewsRecorder,
  createObserver,
} from '../live';
import { createStore } from '../store';
import { Ports } from './ports';
import { createPlanMaker } from './planMaker';
import { createReleases } from './releases';
import { scheduleRetention } from './retention';

/** The Backstage services that the plugin works with. */
export interface DeliveryServices {
  auditor: AuditorService;
  auth: AuthService;
  catalog: CatalogService;
  config: RootConfigService;
  database: DatabaseService;
  httpAuth: HttpAuthService;
  httpRouter: HttpRouterService;
  lifecycle: LifecycleService;
  logger: LoggerService;
  metrics: MetricsService;
  permissions: PermissionsService;
  permissionsRegistry: PermissionsRegistryService;
  scheduler: SchedulerService;
}

/*
 * Puts the rooms together, in the order in which they need each other:
 * store, connections, releases, engine, live, API. The engine starts when the
 * plugin has, and stops before the store is closed.
 */
export async function startDelivery(
  services: DeliveryServices,
  ports: Ports,
): Promise<void> {
  const { auth, catalog, config, lifecycle, logger, scheduler } = services;
  const clock = Date.now;
  const shutdown = new AbortController();

  const environments = readEnvironments(config);
  const machines = readMachines(config);
  warnWhenUnconfigured(environments.length, ports, logger);

  const opened = await createStore({ database: services.database, logger });
  const store = ports.blobs ? { ...opened, blobs: ports.blobs } : opened;
  const connections = await createConnections({
    environments,
    factories: ports.factories,
    metricProviders: ports.metricProviders,
    logger,
    signal: shutdown.signal,
  });
  const started: { engine?: Engine } = {};
  const releases = createReleases({
    ports,
    store,
    environments,
    connections,
    workDirectory: resolve(
      config.getOptionalString('delivery.workDirectory') ??
        join(tmpdir(), 'slipway-releases'),
    ),
    logger,
    onReady: async (release, tx) => {
      if (!started.engine) {
        throw new Error('A release got ready before the engine was there');
      }
      await started.engine.planAutomaticDeployments(release, tx);
    },
  });
  const engine = createEngine({
    store,
    connections,
    environments,
    releaseRunner: releases.runner,
    notifier: ports.notifier(),
    logger,
    metrics: services.metrics,
  });

  started.engine = engine;

  const live = createLive({
    connections,
    logger,
    onNews: createNewsRecorder({ store, logger }),
  });
  live.onChange(({ target }) => engine.poke(target));
  const stream = createChangeStream({ store, live, logger });
  const allowDisabled =
    config.getOptionalBoolean('delivery.permissions.allowDisabled') ?? false;
  const permissionsEnabled =
    config.getOptionalBoolean('permission.enabled') ?? false;
  const authorizer = createAuthorizer({
    permissions: services.permissions,
    permissionsRegistry: services.permissionsRegistry,
    catalog,
    machines,
    permissionsEnabled,
    allowDisabled,
  });
  registerPermissions(services.permissionsRegistry, store, environments);
  services.httpRouter.use(
    createRouter({
      httpAuth: services.httpAuth,
      services: createServices(
        {
          store,
          environments,
          connections,
          observer: createObserver({ connections, live, logger }),
          healthWatch: new HealthWatch({ store, clock, logger }),
          shutdown: shutdown.signal,
          releases: releases.maker,
          deployments: engine,
          plans: createPlanMaker({ store, connections }),
          judge,
          allowDisabled,
          permissionsEnabled,
          logger,
          clock,
        },
        authorizer,
        createAudit({ auditor: services.auditor, store, logger, clock }),
      ),
      events: createEventsService({
        stream,
        authorizer,
        store,
        environments,
        clock,
        streamsPerUser: readStreamsPerUser(config),
      }),
      definitionSchema: definitionJsonSchema(),
      logger,
      shutdown: shutdown.signal,
      clock,
      validateResponses:
        config.getOptionalBoolean('delivery.api.validateResponses') ?? false,
    }),
  );

  const sync = createServiceSync({
    catalog,
    auth,
    store,
    environments,
    connections,
    metrics: addedMetrics(ports.metricProviders),
    scheduler,
    logger,
    fetchers: ports.fetchers,
  });
  await scheduleRetention({ config, scheduler, store, logger, clock });

  lifecycle.addStartupHook(async () => {
    live.start(shutdown.signal);
    stream.start(shutdown.signal);
    engine.start();
    await sync.start();
  });
  lifecycle.addShutdownHook(async () => {
    // Streams and watches first, so that nobody waits for them; then the
    // engine, which finishes the step it is in; the store last.
    shutdown.abort();
    await engine.stop();
    await opened.close();
  });
}

/** Errors: `InputError`. */
function readStreamsPerUser(config: RootConfigService): number | undefined {
  const perUser = config.getOptionalNumber('delivery.streams.perUser');
  if (perUser !== undefined && !(Number.isInteger(perUser) && perUser > 0)) {
    throw new InputError(
      `delivery.streams.perUser is ${perUser}; expected a whole number of 1 or more`,
    );
  }
  return perUser;
}

function warnWhenUnconfigured(
  environments: number,
  ports: Ports,
  logger: LoggerService,
) {
  if (environments === 0) {
    logger.warn(
      'No environments are configured (delivery.environments): nothing can be deployed. See the README of the delivery backend',
    );
  }
  const missing = ports.missingForReleases();
  if (missing.length > 0) {
    logger.warn(
      `No installed module brings ${missing.join(
        ', ',
      )}: no releases can be made`,
    );
  }
}
