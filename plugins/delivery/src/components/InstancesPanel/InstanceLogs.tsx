import { useState } from 'react';
import { useApi } from '@backstage/core-plugin-api';
import MenuItem from '@material-ui/core/MenuItem';
import TextField from '@material-ui/core/TextField';
import { makeStyles } from '@material-ui/core/styles';
import { TargetView, isKnown } from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useLog } from '../../hooks';
import { targetId } from '../../model';
import { READABLE_LABEL } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { LogPane } from '../LogPane';
import { useInstanceTracks, withTracks } from './instanceTracks';

const useStyles = makeStyles({
  select: { minWidth: '12rem', alignSelf: 'flex-start' },
});

/** One log of an environment, of all its instances or of one. */
export function InstanceLogs(props: { target: TargetView }) {
  const { target } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const [instance, setInstance] = useState('');
  const instances = isKnown(target.workloads)
    ? target.workloads.known.generations.flatMap(it => it.instances)
    : [];
  const tracks = useInstanceTracks(target);
  const log = useLog(`${targetId(target)}/${instance}`, request =>
    api.getInstanceLogs(target.service, target.environment.name, {
      ...request,
      instance: instance || undefined,
      limit: 500,
    }),
  );
  return (
    <>
      <TextField
        select
        id="delivery-logs-instance"
        InputLabelProps={{ ...READABLE_LABEL, shrink: true }}
        className={classes.select}
        label={t('instances.instance')}
        value={instance}
        onChange={event => setInstance(event.target.value)}
        SelectProps={{ displayEmpty: true }}
      >
        <MenuItem value="">{t('instances.logsAll')}</MenuItem>
        {instances.map(it => (
          <MenuItem key={it.id} value={it.id}>
            {it.id}
          </MenuItem>
        ))}
        {instance && !instances.some(it => it.id === instance) && (
          <MenuItem value={instance}>{instance}</MenuItem>
        )}
      </TextField>
      <LogPane
        log={{ ...log, lines: withTracks(log.lines, tracks) }}
        label={t('instances.logs', { environment: target.environment.title })}
      />
    </>
  );
}
