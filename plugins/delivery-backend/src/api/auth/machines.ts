import { Config } from '@backstage/config';
import { InputError } from '@backstage/errors';
import { Permission } from '@backstage/plugin-permission-common';
import {
  deliveryEnvironmentPermissions,
  deliveryServicePermissions,
  deliveryTargetPermissions,
} from '@slipway/backstage-plugin-delivery-common';
import type { RowFilter } from '../../store';
import { denyAll } from './rowFilter';
import { DeliveryResource } from './resources';

/**
 * What one machine may do. Backstage asks no policy for its external access
 * tokens, so this list is what narrows them; who is not listed may nothing.
 */
export interface MachineGrant {
  /** The external access subject: `external:ci`. */
  subject: string;
  /** Entity refs, or `*`. */
  services: string[];
  /** Names of environments, or `*`. */
  environments: string[];
  verbs: string[];
}

const ANY = '*';

/** The verb that `delivery.machines` uses for a permission. */
export function machineVerb(permission: Permission): string {
  switch (permission.name) {
    case 'delivery.service.read':
    case 'delivery.target.read':
      return 'read';
    case 'delivery.logs.read':
      return 'logs';
    case 'delivery.release.create':
      return 'release';
    case 'delivery.release.update':
      return 'release-update';
    default:
      return permission.name.replace(/^delivery\.(target|environment)\./, '');
  }
}

const KNOWN_VERBS = new Set(
  [
    ...deliveryServicePermissions,
    ...deliveryTargetPermissions,
    ...deliveryEnvironmentPermissions,
  ].map(machineVerb),
);

/** Reads `delivery.machines`; an unknown verb is an error and not ignored. */
export function readMachines(config: Config): MachineGrant[] {
  const entries = config.getOptionalConfigArray('delivery.machines') ?? [];
  return entries.map((entry, index) => {
    const verbs = entry.getStringArray('verbs');
    for (const verb of verbs) {
      if (!KNOWN_VERBS.has(verb)) {
        throw new InputError(
          `Invalid verb "${verb}" in delivery.machines[${index}].verbs: expected one of ${[
            ...KNOWN_VERBS,
          ].join(', ')}`,
        );
      }
    }
    return {
      subject: entry.getString('subject'),
      services: entry.getStringArray('services').map(normalise),
      environments: entry.getOptionalStringArray('environments') ?? [],
      verbs,
    };
  });
}

function normalise(ref: string): string {
  return ref.toLocaleLowerCase('en-US');
}

/** Backstage names some external subjects with this prefix and some without. */
function plainSubject(subject: string): string {
  return subject.replace(/^external:/, '');
}

/** The grants of one subject; `external:` in front makes no difference. */
export function machineGrants(
  machines: MachineGrant[],
  subject: string,
): MachineGrant[] {
  return machines.filter(
    machine => plainSubject(machine.subject) === plainSubject(subject),
  );
}

/** Whether one of the grants covers it. */
export function machineAllows(
  grants: MachineGrant[],
  permission: Permission,
  resource: DeliveryResource,
): boolean {
  const verb = machineVerb(permission);
  return grants.some(
    grant =>
      grant.verbs.includes(verb) &&
      (!('service' in resource) ||
        covers(grant.services, normalise(resource.service))) &&
      (!('environment' in resource) ||
        covers(grant.environments, resource.environment)),
  );
}

function covers(list: string[], value: string): boolean {
  return list.includes(ANY) || list.includes(value);
}

/** The same as {@link machineAllows}, for lists. */
export function machineFilter(
  grants: MachineGrant[],
  permission: Permission,
  kind: 'service' | 'target',
): RowFilter {
  const verb = machineVerb(permission);
  const usable = grants.filter(grant => grant.verbs.includes(verb));
  if (usable.length === 0) {
    return denyAll;
  }
  return query => {
    query.where(any => {
      for (const grant of usable) {
        any.orWhere(all => {
          all.whereRaw('1 = 1');
          if (!grant.services.includes(ANY)) {
            all.whereIn('service_ref', grant.services);
          }
          if (kind === 'target' && !grant.environments.includes(ANY)) {
            all.whereIn('environment', grant.environments);
          }
        });
      }
    });
  };
}
