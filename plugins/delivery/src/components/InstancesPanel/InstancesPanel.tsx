import { useState } from 'react';
import MenuItem from '@material-ui/core/MenuItem';
import TextField from '@material-ui/core/TextField';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { TargetView, isKnown } from '@slipway/backstage-plugin-delivery-common';
import { targetId } from '../../model';
import { READABLE_LABEL } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { OperationButton } from '../Operations';
import { ToneWord } from '../Tone';
import { InstanceLogs } from './InstanceLogs';
import { InstanceTable } from './InstanceTable';

const useStyles = makeStyles((theme: Theme) => ({
  root: { display: 'flex', flexDirection: 'column', gap: theme.spacing(2) },
  select: { minWidth: '12rem', alignSelf: 'flex-start' },
}));

/** What runs in each environment, and one log of it. */
export function InstancesPanel(props: { targets: TargetView[] }) {
  const { targets } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const [chosen, setChosen] = useState<string>();
  const target =
    targets.find(it => it.environment.name === chosen) ??
    // What people look for is mostly what moves, else the last environment.
    targets.find(it => it.active) ??
    targets[targets.length - 1];
  if (!target) {
    return null;
  }
  return (
    <div className={classes.root}>
      <TextField
        select
        id="delivery-instances-environment"
        InputLabelProps={READABLE_LABEL}
        className={classes.select}
        label={t('common.environment')}
        value={target.environment.name}
        onChange={event => setChosen(event.target.value)}
      >
        {targets.map(it => (
          <MenuItem key={targetId(it)} value={it.environment.name}>
            {it.environment.title}
          </MenuItem>
        ))}
      </TextField>
      {isKnown(target.workloads) ? (
        <InstanceTable target={target} workloads={target.workloads.known} />
      ) : (
        <Typography variant="body2" component="div">
          <ToneWord tone="unknown">
            {t('pipeline.box.workloadsUnknown', {
              reason: target.workloads.unknown,
            })}
          </ToneWord>
        </Typography>
      )}
      <TargetOperations
        key={`operations ${targetId(target)}`}
        target={target}
      />
      <InstanceLogs key={targetId(target)} target={target} />
    </div>
  );
}

/** What is done to all instances together and must be told something: scale. */
function TargetOperations({ target }: { target: TargetView }) {
  return (
    <>
      {target.operations
        .filter(operation => (operation.arguments ?? []).length > 0)
        .map(operation => (
          <div key={operation.id}>
            <OperationButton target={target} operation={operation} />
          </div>
        ))}
    </>
  );
}
