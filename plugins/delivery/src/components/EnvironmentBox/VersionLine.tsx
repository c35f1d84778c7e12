import Typography from '@material-ui/core/Typography';
import { TargetView } from '@slipway/backstage-plugin-delivery-common';
import { mainDigest, shortSha } from '../../format';
import { activeDeployment, candidateOf } from '../../model';
import { useDeliveryTranslation } from '../../translation';
import { DigestText } from '../DigestText';
import { RelativeTime } from '../RelativeTime';

/** Which version runs, or which one replaces which. */
export function VersionLine(props: { target: TargetView }) {
  const { target } = props;
  const t = useDeliveryTranslation();
  const active = activeDeployment(target);
  const { stable } = target;
  if (active) {
    return (
      <Typography variant="body1" component="div">
        <strong>
          {stable
            ? t('pipeline.box.moving', {
                from: stable.version,
                to: active.releaseVersion,
              })
            : t('pipeline.box.movingFirst', { to: active.releaseVersion })}
        </strong>{' '}
        · {shortSha(active.commitSha)} ·{' '}
        <DigestText digest={mainDigest(candidateOf(target)?.digests)} />
      </Typography>
    );
  }
  if (!stable) {
    return <Typography variant="body2">{t('pipeline.box.nothing')}</Typography>;
  }
  return (
    <Typography variant="body1" component="div">
      <strong>{stable.version}</strong> · {shortSha(stable.commitSha)} ·{' '}
      <DigestText digest={mainDigest(stable.digests)} />
      {stable.promotedAtMs !== undefined && (
        <>
          {' '}
          · <RelativeTime atMs={stable.promotedAtMs} />
        </>
      )}
    </Typography>
  );
}
