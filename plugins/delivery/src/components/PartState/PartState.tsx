import { ReactNode } from 'react';
import Button from '@material-ui/core/Button';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import Alert from '@material-ui/lab/Alert';
import Skeleton from '@material-ui/lab/Skeleton';
import { formatClock } from '../../format';
import { Resource } from '../../hooks';
import { useDeliveryTranslation } from '../../translation';
import { deniedPermission, isDenied, saidBy } from './denied';

const useStyles = makeStyles((theme: Theme) => ({
  alert: { marginBottom: theme.spacing(1), overflowWrap: 'anywhere' },
  skeleton: { width: '100%' },
}));

export interface PartStateProps<T> {
  resource: Resource<T>;
  /** "the deployments": completes "could not load ...". */
  what: string;
  /** Read permission of this part, named when the backend does not name one. */
  permission: string;
  /** About as high as what comes, so that nothing jumps. */
  skeletonHeight?: number;
  children: (value: T) => ReactNode;
}

/**
 * One part of a page in whatever state it is: loading, denied, failed, stale
 * or there. A failing part never takes others with it.
 */
export function PartState<T>(props: PartStateProps<T>) {
  const { resource, what, permission, skeletonHeight = 120 } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();

  if (resource.loading) {
    return (
      <div role="status" aria-label={t('common.loading', { what })}>
        <Skeleton
          variant="rect"
          height={skeletonHeight}
          className={classes.skeleton}
        />
      </div>
    );
  }
  const { error, value } = resource;
  if (error && isDenied(error)) {
    return (
      <Alert severity="warning" className={classes.alert}>
        <strong>{t('common.denied', { what })}</strong>
        <Typography variant="body2">
          {t('common.deniedPermission', {
            permission: deniedPermission(error) ?? permission,
          })}
        </Typography>
      </Alert>
    );
  }
  return (
    <>
      {error && (
        <Alert
          severity="error"
          className={classes.alert}
          action={
            <Button
              color="inherit"
              size="small"
              onClick={() => resource.reload()}
            >
              {t('common.retry')}
            </Button>
          }
        >
          <strong>
            {resource.staleSinceMs !== undefined
              ? t('common.failedSince', {
                  what,
                  since: formatClock(resource.staleSinceMs),
                })
              : t('common.failed', { what })}
          </strong>
          <Typography variant="body2">{saidBy(error)}</Typography>
        </Alert>
      )}
      {value !== undefined && props.children(value)}
    </>
  );
}
