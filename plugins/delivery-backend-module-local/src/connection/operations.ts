import { InputError } from '@backstage/errors';
import { Operations } from '@slipway/backstage-plugin-delivery-node';
import { TargetSnapshot, TrafficSettings } from '../locald';
import { LocaldClient } from './client';
import { observe, targetPath } from './observe';

export function createOperations(client: LocaldClient): Operations {
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
