import {
  Entity,
  getEntitySourceLocation,
  parseEntityRef,
  RELATION_OWNED_BY,
  RELATION_PART_OF,
  stringifyEntityRef,
} from '@backstage/catalog-model';
import { ServiceRow } from '../store';

/** Path of the delivery definition in the repository. */
export const DEFINITION_ANNOTATION = 'slipway.dev/definition';
/** The repository, when it is not the one of the entity's source location. */
export const REPOSITORY_ANNOTATION = 'slipway.dev/repository';

/** A path that stays below the root of the repository. */
function isSafePath(path: string): boolean {
  return (
    path.length <= 500 &&
    !/^[/~]|\\|\p{Cc}|^[A-Za-z]:/u.test(path) &&
    path
      .split('/')
      .every(segment => segment !== '' && segment !== '.' && segment !== '..')
  );
}

/**
 * The repository and branch behind the address of a folder or file on a git
 * host: `https://host/team/repo/tree/main/service` and
 * `https://host/team/repo/-/tree/main/service`.
 */
export function repositoryOfUrl(url: string): {
  repository: string;
  defaultBranch?: string;
} {
  const match =
    /^(https?:\/\/[^/]+\/.+?)(?:\/-)?\/(?:tree|blob)\/([^/]+)(?:\/.*)?$/.exec(
      url,
    );
  return match
    ? { repository: match[1], defaultBranch: match[2] }
    : { repository: url.replace(/\/+$/, '') };
}

function repositoryOf(
  entity: Entity,
): { repository: string; defaultBranch?: string } | undefined {
  const annotated =
    entity.metadata.annotations?.[REPOSITORY_ANNOTATION]?.trim();
  if (annotated) {
    return { repository: annotated.replace(/^url:/, '') };
  }
  const annotations = entity.metadata.annotations ?? {};
  if (
    !annotations['backstage.io/source-location'] &&
    !annotations['backstage.io/managed-by-location']
  ) {
    return undefined;
  }
  const { type, target } = getEntitySourceLocation(entity);
  return type === 'url' ? repositoryOfUrl(target) : undefined;
}

function related(
  entity: Entity,
  type: string,
  kind: string,
): string | undefined {
  return entity.relations?.find(
    relation =>
      relation.type === type &&
      (kind === '' || parseEntityRef(relation.targetRef).kind === kind),
  )?.targetRef;
}

/** The service that a catalog entity describes, or why it cannot be one. */
export function serviceOfEntity(
  entity: Entity,
): { row: ServiceRow } | { problem: string } {
  const ref = stringifyEntityRef(entity);
  const definitionPath =
    entity.metadata.annotations?.[DEFINITION_ANNOTATION]?.trim() ?? '';
  if (!isSafePath(definitionPath)) {
    return {
      problem: `${ref}: the annotation ${DEFINITION_ANNOTATION} is "${definitionPath}"; expected a path below the root of the repository, such as delivery.yaml`,
    };
  }
  const source = repositoryOf(entity);
  if (!source) {
    return {
      problem: `${ref}: no repository is known; add the annotation ${REPOSITORY_ANNOTATION}`,
    };
  }
  return {
    row: {
      ref,
      title: entity.metadata.title ?? entity.metadata.name,
      owner: related(entity, RELATION_OWNED_BY, ''),
      system: related(entity, RELATION_PART_OF, 'system'),
      name: entity.metadata.name,
      definitionPath,
      ...source,
    },
  };
}
