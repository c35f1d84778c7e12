import { Link } from '@backstage/core-components';
import { useApi } from '@backstage/core-plugin-api';
import {
  EnvironmentView,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useResource } from '../../hooks';
import { useDeliveryTranslation } from '../../translation';
import { PartState } from '../PartState';
import { ToneWord } from '../Tone';
import { inboxOf } from './inbox';

/** More than that is told as "more than": counting them all costs pages of the estate. */
const MOST = 100;
const REFRESH_MS = 60_000;

interface Counted {
  count: number;
  /** There are more than were counted. */
  more: boolean;
}

/** How many services are in an environment, and how many need somebody. */
export function EnvironmentServices(props: {
  base: string;
  environment: EnvironmentView;
}) {
  const { base, environment } = props;
  const { name, title } = environment;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const resource = useResource<{ services: Counted; waiting: Counted }>(
    `environment-services:${name}`,
    async () => {
      const request = { environment: name, limit: MOST };
      const [all, attention] = await Promise.all([
        api.getTargets(request),
        api.getTargets({ ...request, attention: true }),
      ]);
      const waiting = new Set(
        inboxOf(attention.items, []).map(({ service }) => service),
      );
      return {
        services: {
          count: all.items.length,
          more: all.nextCursor !== undefined,
        },
        waiting: {
          count: waiting.size,
          more: attention.nextCursor !== undefined,
        },
      };
    },
    { refreshEveryMs: REFRESH_MS },
  );
  return (
    <PartState
      resource={resource}
      what={t('environments.servicesPart', { environment: title })}
      permission={deliveryTargetReadPermission.name}
      skeletonHeight={20}
    >
      {({ services, waiting }) =>
        services.count === 0 && !services.more ? (
          t('environments.noServices')
        ) : (
          <>
            <Link
              to={`${base || '/'}?environment=${encodeURIComponent(name)}`}
              underline="always"
            >
              {services.more
                ? t('environments.countMore', {
                    number: `${services.count}`,
                  })
                : t('environments.count', { count: services.count })}
            </Link>
            {' · '}
            <Waiting {...waiting} />
          </>
        )
      }
    </PartState>
  );
}

function Waiting({ count, more }: Counted) {
  const t = useDeliveryTranslation();
  if (count === 0 && !more) {
    return <ToneWord tone="neutral">{t('environments.quiet')}</ToneWord>;
  }
  return (
    <ToneWord tone="waiting">
      {more
        ? t('environments.waitingMore', { number: `${count}` })
        : t('environments.waiting', { count })}
    </ToneWord>
  );
}
