import { useCallback, useState } from 'react';
import { ChangeEvent, Page } from '@slipway/backstage-plugin-delivery-common';
import { Resource, useResource } from './useResource';

/** A keyset-paged list, one page at a time; only the shown page is kept live. */
export interface Pages<T> {
  resource: Resource<Page<T>>;
  /** 0 for the first page. */
  index: number;
  next?: () => void;
  previous?: () => void;
}

/** Shows one page of `load` at a time; begins anew when `key` changes. */
export function usePages<T>(
  key: string,
  load: (cursor: string | undefined) => Promise<Page<T>>,
  affectedBy: (event: ChangeEvent, shown: Page<T> | undefined) => boolean,
): Pages<T> {
  const [place, setPlace] = useState<{ key: string; cursors: string[] }>({
    key,
    cursors: [],
  });
  const cursors = place.key === key ? place.cursors : [];
  const cursor = cursors[cursors.length - 1];
  const resource = useResource(`${key}@${cursor ?? ''}`, () => load(cursor), {
    affectedBy,
  });
  const nextCursor = resource.value?.nextCursor;
  const go = useCallback(
    (to: string[]) => setPlace({ key, cursors: to }),
    [key],
  );
  return {
    resource,
    index: cursors.length,
    next: nextCursor ? () => go([...cursors, nextCursor]) : undefined,
    previous: cursors.length ? () => go(cursors.slice(0, -1)) : undefined,
  };
}
