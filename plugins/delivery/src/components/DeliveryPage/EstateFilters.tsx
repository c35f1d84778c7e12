import { useEffect, useState } from 'react';
import { useApi } from '@backstage/core-plugin-api';
import MenuItem from '@material-ui/core/MenuItem';
import TextField from '@material-ui/core/TextField';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { deliveryApiRef } from '../../api';
import { useResource } from '../../hooks';
import { READABLE_LABEL } from '../../theme';
import { useDeliveryTranslation } from '../../translation';

const TYPING_MS = 300;

export interface EstateFilter {
  environment?: string;
  owner?: string;
  system?: string;
}

const useStyles = makeStyles((theme: Theme) => ({
  root: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(2),
    marginBottom: theme.spacing(1),
  },
  field: { minWidth: '10rem' },
}));

/** Narrows the estate; what is typed counts after a short rest. */
export function EstateFilters(props: {
  /** What it is narrowed to already. */
  first: EstateFilter;
  onChange: (filter: EstateFilter) => void;
}) {
  const { first, onChange } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const environments = useResource('environments', () => api.getEnvironments());
  const [environment, setEnvironment] = useState(first.environment ?? '');
  const [owner, setOwner] = useState('');
  const [system, setSystem] = useState('');

  useEffect(() => {
    const timer = setTimeout(
      () =>
        onChange({
          environment: environment || undefined,
          owner: owner.trim() || undefined,
          system: system.trim() || undefined,
        }),
      TYPING_MS,
    );
    return () => clearTimeout(timer);
  }, [environment, owner, system, onChange]);

  return (
    <div className={classes.root}>
      <TextField
        select
        size="small"
        id="delivery-estate-environment"
        InputLabelProps={{ ...READABLE_LABEL, shrink: true }}
        className={classes.field}
        label={t('page.filterEnvironment')}
        value={
          // Not before it is known which there are.
          environments.value?.some(it => it.name === environment)
            ? environment
            : ''
        }
        onChange={event => setEnvironment(event.target.value)}
        SelectProps={{ displayEmpty: true }}
      >
        <MenuItem value="">{t('page.all')}</MenuItem>
        {environments.value?.map(it => (
          <MenuItem key={it.name} value={it.name}>
            {it.title}
          </MenuItem>
        ))}
      </TextField>
      <TextField
        size="small"
        id="delivery-estate-owner"
        className={classes.field}
        label={t('page.filterOwner')}
        value={owner}
        onChange={event => setOwner(event.target.value)}
      />
      <TextField
        size="small"
        id="delivery-estate-system"
        className={classes.field}
        label={t('page.filterSystem')}
        value={system}
        onChange={event => setSystem(event.target.value)}
      />
    </div>
  );
}
