import { PermissionCriteria } from '@backstage/plugin-permission-common';
import {
  isAndCriteria,
  isNotCriteria,
  isOrCriteria,
} from '@backstage/plugin-permission-node';
import { Knex } from 'knex';
import type { RowFilter } from '../../store';
import { RowCondition } from './resources';

/** No row at all. */
export function denyAll(query: Knex.QueryBuilder) {
  query.whereRaw('1 = 0');
}

/**
 * Conditions of a policy as the store's row filter.
 *
 * A column without a value must count as "is not one of": plain `IN` gives
 * NULL there, which a surrounding NOT would keep as NULL and so hide a row
 * that `apply` allows. Hence the `IS NOT NULL` beside each `IN`.
 */
export function toRowFilter(
  criteria: PermissionCriteria<RowCondition>,
): RowFilter {
  return query => {
    query.where(group => addCriteria(group, criteria));
  };
}

function addCriteria(
  query: Knex.QueryBuilder,
  criteria: PermissionCriteria<RowCondition>,
) {
  if (isAndCriteria(criteria)) {
    for (const part of criteria.allOf) {
      query.andWhere(group => addCriteria(group, part));
    }
  } else if (isOrCriteria(criteria)) {
    for (const part of criteria.anyOf) {
      query.orWhere(group => addCriteria(group, part));
    }
  } else if (isNotCriteria(criteria)) {
    query.whereNot(group => addCriteria(group, criteria.not));
  } else if (criteria.values.length === 0) {
    denyAll(query);
  } else {
    query
      .whereNotNull(criteria.column)
      .whereIn(criteria.column, criteria.values);
  }
}

/** Both filters at once. */
export function bothFilters(
  first: RowFilter | undefined,
  second: RowFilter | undefined,
): RowFilter | undefined {
  if (!first || !second) {
    return first ?? second;
  }
  return query => {
    first(query);
    second(query);
  };
}
