import { useApi } from '@backstage/core-plugin-api';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  ObjectChange,
  Release,
  TargetView,
  deliveryDeployPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useResource } from '../../hooks';
import { targetId } from '../../model';
import { useDeliveryTranslation } from '../../translation';
import { PartState } from '../PartState';

const useStyles = makeStyles((theme: Theme) => ({
  list: { paddingLeft: theme.spacing(3), margin: 0 },
  field: { fontFamily: 'monospace', fontSize: 12, overflowWrap: 'anywhere' },
}));

/** What a deployment would change of what runs, before it is confirmed. */
export function PlanChanges(props: { target: TargetView; release: Release }) {
  const { target, release } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const resource = useResource(
    `preview:${targetId(target)}:${release.id}`,
    async () => ({
      diff: await api.getPreview(
        target.service,
        target.environment.name,
        release.id,
      ),
    }),
  );
  return (
    <PartState
      resource={resource}
      what={t('verbs.dialog.changes')}
      permission={deliveryDeployPermission.name}
    >
      {({ diff }) =>
        diff && (
          <>
            <Typography variant="subtitle2" component="p">
              {t('verbs.dialog.changes')}
            </Typography>
            <ul className={classes.list}>
              {diff.changes.map(change => (
                <Change key={change.id} change={change} />
              ))}
              <li>
                <Typography variant="body2" component="span">
                  {t('verbs.dialog.unchanged', {
                    objects: String(diff.unchanged),
                  })}
                </Typography>
              </li>
            </ul>
          </>
        )
      }
    </PartState>
  );
}

function Change({ change }: { change: ObjectChange }) {
  const t = useDeliveryTranslation();
  const classes = useStyles();
  return (
    <li>
      <Typography variant="body2" component="span">
        {t(`verbs.dialog.change.${change.change}`, { object: change.id })}
      </Typography>
      {change.problem && (
        <Typography variant="body2" color="error">
          {change.problem}
        </Typography>
      )}
      {change.change === 'changed' && (
        <ul className={classes.list}>
          {change.fields.map(({ path, before, after }) => (
            <li key={path} className={classes.field}>
              {path}: {before ?? '–'} → {after ?? '–'}
            </li>
          ))}
          {change.more > 0 && (
            <li className={classes.field}>
              {t('verbs.dialog.more', { fields: String(change.more) })}
            </li>
          )}
        </ul>
      )}
    </li>
  );
}
