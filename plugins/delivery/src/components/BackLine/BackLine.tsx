import { Link } from '@backstage/core-components';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { useDeliveryTranslation } from '../../translation';
import { LiveMarker } from '../LiveMarker';

const useStyles = makeStyles((theme: Theme) => ({
  root: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(0, 2),
    marginBottom: theme.spacing(1),
    ...theme.typography.body2,
  },
}));

/** The way back to all environments, and whether what stands below is live. */
export function BackLine(props: { to: string }) {
  const t = useDeliveryTranslation();
  const classes = useStyles();
  return (
    <div className={classes.root}>
      <Link to={props.to}>{t('deployment.back')}</Link>
      <LiveMarker />
    </div>
  );
}
