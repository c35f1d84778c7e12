import { AuthService } from '@backstage/backend-plugin-api';
import {
  Entity,
  parseEntityRef,
  RELATION_OWNED_BY,
  RELATION_PART_OF,
  stringifyEntityRef,
} from '@backstage/catalog-model';
import { InputError, NotFoundError } from '@backstage/errors';
import { CatalogService } from '@backstage/plugin-catalog-node';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { EnvironmentNamespaces, NamespaceRule } from './namespaceConfig';

/** What the catalog says about a service is asked again after this. */
const FRESH_MS = 30_000;
const MAX_KEPT = 10_000;

interface Belonging {
  owners: string[];
  systems: string[];
}

/**
 * Which namespace the platform gives to a target: the first rule of its
 * environment that the service meets. Who owns a service, and what system it
 * is part of, is asked of the catalog where a rule needs it, and the last
 * answer stands while the catalog does not answer.
 *
 * Errors: `InputError` when no rule gives one, `NotFoundError` when the
 * catalog does not know the service.
 */
export function createNamespaces(options: {
  environments: EnvironmentNamespaces[];
  catalog: CatalogService;
  auth: AuthService;
  clock?: () => number;
}): (target: TargetRef) => Promise<string> {
  const { environments, catalog, auth, clock = Date.now } = options;
  const kept = new Map<string, { belonging: Belonging; atMs: number }>();

  async function ask(service: string): Promise<Belonging> {
    const entity = await catalog.getEntityByRef(service, {
      credentials: await auth.getOwnServiceCredentials(),
    });
    if (!entity) {
      throw new NotFoundError(
        `The catalog does not know ${service}, so its owner and its system are unknown and no namespace can be chosen`,
      );
    }
    const belonging = belongingOf(entity);
    if (kept.size >= MAX_KEPT) {
      kept.clear();
    }
    kept.set(service, { belonging, atMs: clock() });
    return belonging;
  }

  async function belongingTo(service: string): Promise<Belonging> {
    const known = kept.get(service);
    if (known && clock() - known.atMs < FRESH_MS) {
      return known.belonging;
    }
    try {
      return await ask(service);
    } catch (error) {
      if (known && !(error instanceof NotFoundError)) {
        return known.belonging;
      }
      throw error;
    }
  }

  async function meets(rule: NamespaceRule, service: string) {
    if (rule.service !== undefined && rule.service !== service) {
      return false;
    }
    if (rule.system === undefined && rule.owner === undefined) {
      return true;
    }
    const { owners, systems } = await belongingTo(service);
    return (
      (rule.system === undefined || systems.includes(rule.system)) &&
      (rule.owner === undefined || owners.includes(rule.owner))
    );
  }

  return async target => {
    const service = stringifyEntityRef(parseEntityRef(target.service));
    const found = environments.find(
      ({ environment }) => environment === target.environment,
    );
    for (const rule of found?.rules ?? []) {
      if (await meets(rule, service)) {
        return rule.namespace;
      }
    }
    throw new InputError(
      `The platform gives ${service} no namespace in the environment "${
        target.environment
      }"; add one to ${
        found?.at ?? 'delivery.kubernetes.environments'
      } in the platform's configuration`,
    );
  };
}

function belongingOf(entity: Entity): Belonging {
  const related = (type: string) =>
    (entity.relations ?? [])
      .filter(relation => relation.type === type)
      .map(relation => stringifyEntityRef(parseEntityRef(relation.targetRef)));
  return {
    owners: related(RELATION_OWNED_BY),
    systems: related(RELATION_PART_OF),
  };
}
