import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { Digest, TargetView } from '@slipway/backstage-plugin-delivery-common';
import { formatActor, mainDigest, shortSha } from '../../format';
import { activeDeployment, candidateOf } from '../../model';
import { useDeliveryTranslation } from '../../translation';
import { DigestText } from '../DigestText';
import { RelativeTime } from '../RelativeTime';
import { ToneWord } from '../Tone';

const useStyles = makeStyles((theme: Theme) => ({
  versions: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'baseline',
    gap: theme.spacing(0, 1),
    minWidth: 0,
  },
  // As long as `git describe` makes it: on one line, cut at the box's edge.
  version: {
    fontSize: '1.6rem',
    lineHeight: 1.25,
    fontWeight: 700,
    maxWidth: '100%',
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    whiteSpace: 'nowrap',
  },
  from: {
    fontSize: '1.1rem',
    fontWeight: 500,
    color: theme.palette.text.secondary,
  },
}));

/** Which version runs, or which one replaces which. */
export function VersionLine(props: { target: TargetView }) {
  const { target } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const active = activeDeployment(target);
  const { stable } = target;
  if (!active && !stable && target.givenBack) {
    return (
      <Typography variant="body2" component="div">
        <ToneWord tone="unknown">
          {t('pipeline.box.givenBack', {
            who: formatActor(t, target.givenBack.by),
          })}
        </ToneWord>{' '}
        · <RelativeTime atMs={target.givenBack.atMs} />
      </Typography>
    );
  }
  if (!active && !stable) {
    return <Typography variant="body2">{t('pipeline.box.nothing')}</Typography>;
  }
  const version = active?.releaseVersion ?? stable?.version;
  return (
    <div>
      <div className={classes.versions}>
        {active && (
          <>
            {stable && (
              <span
                className={`${classes.version} ${classes.from}`}
                title={stable.version}
              >
                {stable.version}
              </span>
            )}{' '}
            <span className={classes.from}>→</span>{' '}
          </>
        )}
        <span className={classes.version} title={version}>
          {version}
        </span>
      </div>
      {active ? (
        <Origin
          commitSha={active.commitSha}
          digest={mainDigest(candidateOf(target)?.digests)}
        />
      ) : (
        stable && (
          <Origin
            commitSha={stable.commitSha}
            digest={mainDigest(stable.digests)}
            atMs={stable.promotedAtMs}
          />
        )
      )}
    </div>
  );
}

function Origin(props: {
  commitSha: string;
  digest: Digest | undefined;
  atMs?: number;
}) {
  return (
    <Typography variant="body2" component="div">
      <code>{shortSha(props.commitSha)}</code> ·{' '}
      <DigestText digest={props.digest} />
      {props.atMs !== undefined && (
        <>
          {' '}
          · <RelativeTime atMs={props.atMs} />
        </>
      )}
    </Typography>
  );
}
