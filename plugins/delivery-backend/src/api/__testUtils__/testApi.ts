import { mockErrorHandler, mockServices } from '@backstage/backend-test-utils';
import {
  HttpAuthService,
  PermissionsService,
} from '@backstage/backend-plugin-api';
import { createPermissionIntegrationRouter } from '@backstage/plugin-permission-node';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
import {
  Deployment,
  RESOURCE_TYPE_DELIVERY_ENVIRONMENT,
  RESOURCE_TYPE_DELIVERY_SERVICE,
  RESOURCE_TYPE_DELIVERY_TARGET,
  ServiceRef,
  TargetRef,
  deliveryEnvironmentPermissions,
  deliveryServicePermissions,
  deliveryTargetPermissions,
} from '@slipway/backstage-plugin-delivery-common';
import { Connection } from '@slipway/backstage-plugin-delivery-node';
import express from 'express';
import { Knex } from 'knex';
import { createChangeStream, createLive, createObserver } from '../../live';
import { DeliveryStore, ReleaseRow, createTestStore } from '../../store';
import { createAudit, createAuthorizer, readMachines } from '../auth';
import { environmentRules, serviceRules, targetRules } from '../auth/rules';
import { createRouter } from '../createRouter';
import { createEventsService } from '../events';
import { EnvironmentInfo, createServices } from '../services';
import { FakeConnection } from './fakeConnection';

export const CHECKOUT = 'component:default/checkout';
export const BILLING = 'component:default/billing';

export const ENVIRONMENTS: EnvironmentInfo[] = ['staging', 'production'].map(
  (name, order) => ({
    name,
    title: name,
    tier: name,
    connection: { type: 'fake', name: 'default' },
    automation: true,
    queue: 'supersede',
    order,
  }),
);

export interface TestApi {
  app: express.Express;
  store: DeliveryStore;
  connection: FakeConnection;
  /** What Backstage's auditor was told. */
  audited: Array<{ eventId: string; outcome: string; meta: unknown }>;
  poked: TargetRef[];
  stop(): void;
}

export interface TestApiOptions {
  knex: Knex;
  permissions?: PermissionsService;
  permissionsEnabled?: boolean;
  allowDisabled?: boolean;
  machines?: object[];
  /** By environment, where it is not the one that all share. */
  connections?: Record<string, Connection>;
  keepAliveMs?: number;
  recheckMs?: number;
  streamsPerUser?: number;
  /** Off where rows are written that no engine would write. */
  validateResponses?: boolean;
  /** When the token of every caller ends. */
  tokenExpiresAt?: Date;
  /** Entities that the caller sees when the catalog decides conditionally. */
  catalogEntities?: ServiceRef[];
}

/**
 * The API over a real store with two services in two environments; only the
 * engine and the release room are stood in for, by rows in that store.
 */
export async function createTestApi(options: TestApiOptions): Promise<TestApi> {
  const logger = mockServices.logger.mock();
  const store = await createTestStore(options.knex, { logger });
  await seed(store);
  const connection = new FakeConnection();
  const connections = new Map<string, Connection>(
    ENVIRONMENTS.map(({ name }) => [
      name,
      options.connections?.[name] ?? connection,
    ]),
  );
  const abort = new AbortController();
  const clock = Date.now;
  const live = createLive({ connections, logger });
  live.start(abort.signal);
  const stream = createChangeStream({ store, live, logger });
  stream.start(abort.signal);

  const registryRouter = createPermissionIntegrationRouter();
  registryRouter.addResourceType({
    resourceType: RESOURCE_TYPE_DELIVERY_SERVICE,
    permissions: deliveryServicePermissions,
    rules: Object.values(serviceRules),
  });
  registryRouter.addResourceType({
    resourceType: RESOURCE_TYPE_DELIVERY_TARGET,
    permissions: deliveryTargetPermissions,
    rules: Object.values(targetRules),
  });
  registryRouter.addResourceType({
    resourceType: RESOURCE_TYPE_DELIVERY_ENVIRONMENT,
    permissions: deliveryEnvironmentPermissions,
    rules: Object.values(environmentRules),
  });
  const authorizer = createAuthorizer({
    permissions: options.permissions ?? mockServices.permissions(),
    permissionsRegistry: registryRouter,
    catalog: catalogServiceMock({
      entities: (options.catalogEntities ?? []).map(toEntity),
    }),
    machines: readMachines(
      mockServices.rootConfig({
        data: { delivery: { machines: options.machines ?? [] } },
      }),
    ),
    permissionsEnabled: options.permissionsEnabled ?? true,
    allowDisabled: options.allowDisabled ?? false,
  });
  const audited: TestApi['audited'] = [];
  const auditor = {
    createEvent: async ({
      eventId,
      meta,
    }: {
      eventId: string;
      meta?: object;
    }) => ({
      success: async () => {
        audited.push({ eventId, outcome: 'success', meta });
      },
      fail: async ({ error }: { error: Error }) => {
        audited.push({ eventId, outcome: error.name, meta });
      },
    }),
  };
  const poked: TargetRef[] = [];
  const mockHttpAuth = mockServices.httpAuth({ pluginId: 'delivery' });
  const { tokenExpiresAt } = options;
  const httpAuth: HttpAuthService = {
    credentials: async (req, allowed) => ({
      ...(await mockHttpAuth.credentials(req, allowed)),
      ...(tokenExpiresAt && { expiresAt: tokenExpiresAt }),
    }),
    issueUserCookie: (res, cookie) => mockHttpAuth.issueUserCookie(res, cookie),
  };
  const app = express();
  app.use(
    createRouter({
      httpAuth,
      services: createServices(
        {
          store,
          environments: ENVIRONMENTS,
          connections,
          observer: createObserver({ connections, live, logger }),
          releases: {
            createRelease: async ({ service, commit, actor, idempotencyKey }) =>
              store.releases.create(
                releaseRow({
                  id: `release-${commit}`,
                  service,
                  createdBy: actor,
                  idempotencyKey,
                }),
              ),
            commits: async () => [
              {
                sha: 'a'.repeat(40),
                message: 'A change',
                author: 'A',
                committedAtMs: 1,
              },
            ],
          },
          deployments: {
            requestDeployment: async request =>
              store.deployments.create(
                deploymentRow({
                  id: `deployment-${request.releaseId}-${request.environment}`,
                  ...request,
                  createdBy: request.actor,
                }),
              ),
            poke: target => {
              poked.push(target);
            },
            wake: () => {},
          },
          plans: async (target, releaseId) => ({
            id: `plan-of-${releaseId}`,
            target,
            releaseId,
            objects: [],
            images: {},
            replicas: 1,
            ignored: [],
          }),
          judge: ({ run }) => ({ analysisId: run.id, metrics: [] }),
          allowDisabled: options.allowDisabled ?? false,
          permissionsEnabled: options.permissionsEnabled ?? true,
          logger,
          clock,
        },
        authorizer,
        createAudit({ auditor, store, logger, clock }),
      ),
      events: createEventsService({
        stream,
        authorizer,
        store,
        environments: ENVIRONMENTS,
        clock,
        recheckMs: options.recheckMs,
        streamsPerUser: options.streamsPerUser,
      }),
      definitionSchema: { title: 'delivery.yaml' },
      logger,
      shutdown: abort.signal,
      clock,
      keepAliveMs: options.keepAliveMs,
      validateResponses: options.validateResponses ?? true,
    }),
  );
  app.use(mockErrorHandler());
  return {
    app,
    store,
    connection,
    audited,
    poked,
    stop: () => abort.abort(),
  };
}

async function seed(store: DeliveryStore) {
  await store.services.upsertMany(
    [CHECKOUT, BILLING].map(ref => ({
      ref,
      title: ref,
      name: ref,
      owner: ref === CHECKOUT ? 'group:default/shop' : 'group:default/money',
      system: 'system:default/storefront',
      repository: 'https://git.example/repo',
      definitionPath: 'delivery.yaml',
    })),
  );
  await store.targets.ensureMany(
    [CHECKOUT, BILLING].flatMap(service =>
      ENVIRONMENTS.map(({ name, tier }) => ({
        target: { service, environment: name },
        tier,
        owner:
          service === CHECKOUT ? 'group:default/shop' : 'group:default/money',
        system: 'system:default/storefront',
      })),
    ),
  );
}

function toEntity(ref: ServiceRef) {
  const [, name] = ref.split('/');
  return {
    apiVersion: 'backstage.io/v1alpha1',
    kind: 'Component',
    metadata: { name, namespace: 'default' },
  };
}

export function releaseRow(
  part: Partial<ReleaseRow> & { id: string },
): ReleaseRow {
  return {
    service: CHECKOUT,
    commit: {
      sha: 'a'.repeat(40),
      message: 'm',
      author: 'a',
      committedAtMs: 1,
    },
    version: '1.0.0',
    status: 'queued',
    stages: [{ stage: 'fetch', status: 'pending', attempt: 1 }],
    images: [
      {
        name: 'app',
        repository: 'storefront/checkout',
        digest: `sha256:${'b'.repeat(64)}`,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        sizeBytes: 1,
      },
    ],
    createdBy: { type: 'user', ref: 'user:default/mock' },
    createdAtMs: Date.now(),
    rowVersion: 1,
    checkpoint: { secretPath: '/work' },
    definitionProblems: [],
    ...part,
  };
}

export function deploymentRow(
  part: Partial<Deployment> & { id: string },
): Deployment {
  return {
    service: CHECKOUT,
    environment: 'staging',
    releaseId: 'release-main',
    releaseVersion: '1.0.0',
    commitSha: 'a'.repeat(40),
    kind: 'deploy',
    status: 'queued',
    cause: 'manual',
    createdBy: { type: 'user', ref: 'user:default/mock' },
    createdAtMs: Date.now(),
    deadlineMs: Date.now() + 60_000,
    rowVersion: 1,
    ...part,
  };
}
