import { Link } from '@backstage/core-components';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { Release } from '@slipway/backstage-plugin-delivery-common';
import { releaseTone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { StageStrip } from '../ReleaseView/StageStrip';
import { ToneWord } from '../Tone';
import { useTabPaths } from './TabPaths';

const useStyles = makeStyles((theme: Theme) => ({
  item: { marginBottom: theme.spacing(1), overflowWrap: 'anywhere' },
}));

/** The releases that are being made, and the newest one when it went wrong. */
export function ReleasesInProgress(props: { releases: Release[] }) {
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const paths = useTabPaths();
  const shown = props.releases.filter(
    (release, index) =>
      release.status === 'queued' ||
      release.status === 'running' ||
      (index === 0 &&
        release.status !== 'ready' &&
        release.status !== 'cancelled'),
  );
  return (
    <>
      {shown.map(release => (
        <div key={release.id} className={classes.item}>
          <Typography variant="body1" component="div">
            <ToneWord tone={releaseTone(release.status)}>
              {t('announcements.release', {
                version: release.version,
                status: t(`words.release.${release.status}`),
              })}
            </ToneWord>{' '}
            · {release.commit.message.split('\n')[0]} ·{' '}
            <Link to={paths.release(release.id)}>{t('release.open')}</Link>
          </Typography>
          {release.reason && (
            <Typography variant="body2">{release.reason.message}</Typography>
          )}
          <StageStrip stages={release.stages} />
        </div>
      ))}
    </>
  );
}
