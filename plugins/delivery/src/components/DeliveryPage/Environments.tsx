import { useState } from 'react';
import { useApi } from '@backstage/core-plugin-api';
import Button from '@material-ui/core/Button';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  EnvironmentView,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useResource } from '../../hooks';
import { useDeliveryTranslation } from '../../translation';
import { HeadRow } from '../HeadRow';
import { Empty, PartState } from '../PartState';
import { EnvironmentItem } from './EnvironmentItem';

/** A notice ("the cluster is not seen") comes and goes without a hint. */
const REFRESH_MS = 30_000;

const FIRST_ENVIRONMENT = `delivery:
  environments:
    - name: staging
      tier: staging
      connection: { type: kubernetes, name: eu }
`;

const useStyles = makeStyles((theme: Theme) => ({
  list: {
    listStyle: 'none',
    margin: theme.spacing(2, 0, 0),
    padding: 0,
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(2),
  },
}));

/** What the platform has, and what each environment lacks: also before a service is there. */
export function Environments(props: { base: string }) {
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const classes = useStyles();
  /** How often each was asked for; each time it is made anew. */
  const [asked, setAsked] = useState<Record<string, number>>({});
  const environments = useResource<EnvironmentView[]>(
    'environments',
    () => api.getEnvironments(),
    { refreshEveryMs: REFRESH_MS },
  );
  const ask = (names: string[]) =>
    setAsked(before => ({
      ...before,
      ...Object.fromEntries(names.map(name => [name, (before[name] ?? 0) + 1])),
    }));
  return (
    <section>
      <HeadRow>
        <Typography variant="h5" component="h2">
          {t('environments.title')}
        </Typography>
        {environments.value && environments.value.length > 1 && (
          <Button
            size="small"
            variant="outlined"
            onClick={() =>
              ask(environments.value?.map(({ name }) => name) ?? [])
            }
          >
            {t('environments.checkAll')}
          </Button>
        )}
      </HeadRow>
      <Typography variant="body2">{t('environments.intro')}</Typography>
      <PartState
        resource={environments}
        what={t('lists.environments')}
        permission={deliveryTargetReadPermission.name}
        skeletonHeight={300}
      >
        {items =>
          items.length === 0 ? (
            <Empty
              title={t('environments.empty')}
              snippets={[{ name: 'app-config.yaml', text: FIRST_ENVIRONMENT }]}
            >
              {t('environments.emptyHelp')}
            </Empty>
          ) : (
            <ol className={classes.list} aria-label={t('environments.list')}>
              {items.map(environment => (
                <li key={environment.name}>
                  <EnvironmentItem
                    base={props.base}
                    environment={environment}
                    asked={asked[environment.name] ?? 0}
                    onAsk={() => ask([environment.name])}
                  />
                </li>
              ))}
            </ol>
          )
        }
      </PartState>
    </section>
  );
}
