import { setTimeout as delay } from 'node:timers/promises';
import { LoggerService } from '@backstage/backend-plugin-api';
import {
  InputError,
  NotFoundError,
  ServiceUnavailableError,
} from '@backstage/errors';
import {
  LogChunk,
  MeasurementOutcome,
  Observed,
  ServiceRef,
  TargetRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import {
  Connection,
  LogProvider,
  MetricProvider,
  Operations,
  RegistryAccess,
  Renderer,
  TrafficRouter,
  Workloads,
} from '@slipway/backstage-plugin-delivery-node';
import {
  EnsureRequest,
  METRICS,
  TargetSnapshot,
  TrafficSettings,
} from '../locald';
import { LocaldClient } from './client';
import { checkImage, registryAddress } from './image';
import { createJobs } from './jobs';
import { readLocalPlan } from './manifests';
import { secretReferences } from './references';
import { createLiveSource } from './watch';

export interface LocalConnectionOptions {
  name: string;
  dataDirectory: string;
  registry: RegistryAccess;
  logger: LoggerService;
  renderers: Renderer[];
  /** Services that may be called in an environment; absent: those seen so far. */
  peers?: (environment: string) => Promise<ServiceRef[]>;
  /** Example traffic that a new target begins with. */
  traffic?: (target: TargetRef) => TrafficSettings | undefined;
}

/** The embedded runtime as a connection of the engine. */
export function createLocalConnection(
  options: LocalConnectionOptions,
): Connection {
  const client = new LocaldClient(options);
  return {
    type: 'local',
    name: options.name,
    notices: () => [
      'The local environment isolates nothing: services run as plain processes of this machine, with its Node and its user, and can read what that user can read.',
    ],
    renderers: options.renderers,
    workloads: createWorkloads(client, options),
    traffic: createTrafficRouter(client),
    jobs: createJobs(client, options),
    live: createLiveSource(client, options.logger),
    operations: createOperations(client),
    metrics: [createMetricProvider(client)],
    logs: createLogProvider(client),
  };
}

function targetPath(target: TargetRef, ...rest: string[]): string[] {
  return ['targets', stringifyTarget(target), ...rest];
}

/** What slipway-locald knows of the target, or why that is not known. */
async function observe<T>(
  client: LocaldClient,
  target: TargetRef,
  signal: AbortSignal,
  pick: (snapshot: TargetSnapshot) => T,
  empty: T,
): Promise<Observed<T>> {
  try {
    const snapshot = await client.call<TargetSnapshot>({
      method: 'GET',
      path: targetPath(target),
      signal,
    });
    return {
      known: pick(snapshot),
      observedAtMs: Date.now(),
      reflects: snapshot.revision,
    };
  } catch (error) {
    if (error instanceof NotFoundError) {
      return { known: empty, observedAtMs: Date.now(), reflects: 0 };
    }
    return {
      unknown: error instanceof Error ? error.message : String(error),
      sinceMs: Date.now(),
    };
  }
}

function createWorkloads(
  client: LocaldClient,
  options: LocalConnectionOptions,
): Workloads {
  return {
    fencing: 'compare-and-set',
    async inspect(objects, images, target, { jobs = [] } = {}) {
      const { spec, replicas, ignored } = readLocalPlan(
        '',
        // What runs as a hook is not ignored.
        objects.filter(
          ({ id }) => !jobs.some(job => id.endsWith(`/Job/${job}`)),
        ),
        images,
      );
      await checkImage(client, options.registry, spec, target);
      return { replicas, ignored, references: secretReferences(spec) };
    },
    async ensure(target, fence, { generation, plan, track, replicas }, signal) {
      const { spec } = readLocalPlan(plan.id, plan.objects, plan.images);
      const body: EnsureRequest = {
        ...fence,
        spec,
        track,
        replicas,
        registry: await registryAddress(options.registry),
        peers: (await options.peers?.(target.environment)) ?? [],
        traffic: options.traffic?.(target),
      };
      await client.call({
        method: 'PUT',
        path: targetPath(target, 'generations', generation),
        body,
        signal,
      });
    },
    observe(target, signal) {
      return observe(
        client,
        target,
        signal,
        ({ generations }) => ({ generations }),
        { generations: [] },
      );
    },
    async remove(target, fence, generation, signal) {
      await client.call({
        method: 'DELETE',
        path: targetPath(target, 'generations', generation),
        body: fence,
        signal,
      });
    },
  };
}

function createTrafficRouter(client: LocaldClient): TrafficRouter {
  return {
    fencing: 'compare-and-set',
    capabilities: () => ({
      weights: true,
      measures: true,
      headers: false,
      mirror: false,
    }),
    async request(target, fence, shares, signal) {
      await client.call({
        method: 'PUT',
        path: targetPath(target, 'shares'),
        body: { ...fence, shares },
        signal,
      });
    },
    observe(target, signal) {
      return observe(
        client,
        target,
        signal,
        ({ traffic, routerProblem }) => {
          if (routerProblem) {
            throw new ServiceUnavailableError(routerProblem);
          }
          return traffic;
        },
        { accepted: [] },
      );
    },
  };
}

function createMetricProvider(client: LocaldClient): MetricProvider {
  return {
    id: 'local-router',
    metrics: () => METRICS.map(metric => ({ ...metric })),
    async query({ target, generation, metric, fromMs, toMs }, signal) {
      const query = `${metric} of generation ${generation} at the router of ${stringifyTarget(
        target,
      )}, ${new Date(fromMs).toISOString()} to ${new Date(toMs).toISOString()}`;
      try {
        const outcome = await client.call<MeasurementOutcome>({
          method: 'GET',
          path: targetPath(target, 'metrics'),
          query: { generation, metric, from: fromMs, to: toMs },
          signal,
        });
        return { outcome, query };
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        return {
          outcome:
            error instanceof NotFoundError
              ? { type: 'no-data', detail: message }
              : { type: 'error', message },
          query,
        };
      }
    },
  };
}

function createLogProvider(client: LocaldClient): LogProvider {
  return {
    async read({ target, instance, generation, after, limit, waitMs }, signal) {
      if (after !== undefined && !/^\d{1,15}$/.test(after)) {
        throw new InputError(
          `"${after.slice(
            0,
            40,
          )}" is not an offset of this log; send the nextOffset of an earlier answer`,
        );
      }
      try {
        return await client.call<LogChunk>({
          method: 'GET',
          path: targetPath(target, 'logs'),
          query: { instance, generation, after, limit, wait: waitMs },
          signal,
          timeoutMs: waitMs + 15_000,
        });
      } catch (error) {
        if (!(error instanceof NotFoundError)) {
          throw error;
        }
        await delay(Math.min(waitMs, 1_000), undefined, { signal });
        return { lines: [], nextOffset: after ?? '0', ended: false };
      }
    },
  };
}

function createOperations(client: LocaldClient): Operations {
  return {
    async list(target, signal) {
      const observed = await observe(
        client,
        target,
        signal,
        ({ generator }): TargetSnapshot['generator'] => generator,
        { on: false, requestsPerSecond: 0, path: '/', sent: 0, failed: 0 },
      );
      if (!('known' in observed)) {
        return [];
      }
      const { on, requestsPerSecond, path, sent, failed, lastFailure } =
        observed.known;
      return [
        {
          id: 'generate-traffic',
          title: 'Example traffic',
          description: on
            ? `Sends ${requestsPerSecond} requests a second to ${path}; ${sent} sent so far, ${failed} of them failed${
                lastFailure ? ` (the last one: ${lastFailure})` : ''
              }`
            : `Would send requests to ${path}, so that an analysis has something to measure`,
          on,
          destructive: false,
        },
        {
          id: 'delete-instance',
          title: 'Delete an instance',
          description:
            'Stops one instance gracefully; another one takes its place',
          destructive: true,
        },
      ];
    },
    async run(target, operation, args, _key, signal) {
      if (operation === 'generate-traffic') {
        const settings = await client.call<TrafficSettings>({
          method: 'PUT',
          path: targetPath(target, 'traffic'),
          body: trafficArguments(args),
          signal,
        });
        return {
          message: settings.on
            ? `Example traffic is on: ${settings.requestsPerSecond} requests a second to ${settings.path}`
            : 'Example traffic is off',
        };
      }
      if (operation === 'delete-instance') {
        if (typeof args.instance !== 'string' || args.instance === '') {
          throw new InputError(
            'The operation "delete-instance" needs the argument "instance", the id of an instance',
          );
        }
        const { deleted } = await client.call<{ deleted: boolean }>({
          method: 'DELETE',
          path: targetPath(target, 'instances', args.instance),
          signal,
        });
        return {
          message: deleted
            ? `${args.instance} is being stopped; another instance takes its place`
            : `${args.instance} does not run any more`,
        };
      }
      throw new InputError(
        `The local environment has no operation "${operation}"; it has generate-traffic and delete-instance`,
      );
    },
  };
}

function trafficArguments(args: Record<string, string | number | boolean>) {
  if (typeof args.on !== 'boolean') {
    throw new InputError(
      `The operation "generate-traffic" needs the argument "on", true or false; found ${JSON.stringify(
        args.on,
      )}`,
    );
  }
  return {
    on: args.on,
    ...(args.requestsPerSecond !== undefined && {
      requestsPerSecond: args.requestsPerSecond,
    }),
    ...(args.path !== undefined && { path: args.path }),
  };
}
