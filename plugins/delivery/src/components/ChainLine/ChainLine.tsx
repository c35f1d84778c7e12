import { Link } from '@backstage/core-components';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  Release,
  StageName,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { shortSha } from '../../format';
import { sameDigest } from '../../model';
import { Tone, stageTone } from '../../theme';
import { DeliveryT, useDeliveryTranslation } from '../../translation';
import { useTabPaths } from '../DeliveryTab/TabPaths';
import { DigestText } from '../DigestText';
import { ToneWord } from '../Tone';

const useStyles = makeStyles((theme: Theme) => ({
  list: {
    display: 'flex',
    flexWrap: 'wrap',
    listStyle: 'none',
    margin: 0,
    padding: 0,
    gap: theme.spacing(0.5),
    ...theme.typography.body2,
  },
  item: {
    // The line to the next one stays beside a text of two lines.
    display: 'flex',
    alignItems: 'center',
    '&:not(:last-child)::after': {
      content: '"─"',
      marginLeft: theme.spacing(0.5),
      color: theme.palette.text.secondary,
    },
  },
}));

function runningLine(
  t: DeliveryT,
  targets: TargetView[],
  releaseId: string,
): { tone: Tone; text: string } {
  const counts = targets.map(target => sameDigest(target, releaseId));
  const known = counts.filter(it => it !== undefined);
  if (known.length < counts.length) {
    return { tone: 'unknown', text: t('pipeline.chain.runningUnknown') };
  }
  const same = known.reduce((sum, it) => sum + it.same, 0);
  const total = known.reduce((sum, it) => sum + it.total, 0);
  if (total === 0) {
    return { tone: 'unknown', text: t('pipeline.chain.notRunning') };
  }
  return {
    tone: same === total ? 'neutral' : 'broken',
    text: t('pipeline.chain.running', {
      same: String(same),
      total: String(total),
    }),
  };
}

/** From the commit to what really runs, on one line. */
export function ChainLine(props: { release: Release; targets: TargetView[] }) {
  const { release, targets } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const paths = useTabPaths();
  const tone = (name: StageName) =>
    stageTone(
      release.stages.find(stage => stage.stage === name)?.status ?? 'pending',
    );
  const running = runningLine(t, targets, release.id);
  const notCovered = release.findings?.notCovered.length ?? 0;
  return (
    <section aria-label={t('pipeline.chain.heading')}>
      <Typography variant="subtitle2" component="h3">
        {t('pipeline.chain.heading')}:{' '}
        <Link to={paths.release(release.id)} underline="always">
          {release.version}
        </Link>
      </Typography>
      <ol className={classes.list}>
        <li className={classes.item}>
          <ToneWord tone={tone('fetch')}>
            {t('pipeline.chain.commit')} {shortSha(release.commit.sha)}
          </ToneWord>
        </li>
        <li className={classes.item}>
          <ToneWord tone={tone('build')}>{t('pipeline.chain.build')}</ToneWord>
        </li>
        <li className={classes.item}>
          <ToneWord tone={tone('gate')}>
            {t('pipeline.chain.scan')}
            {release.findings &&
              ` (${[
                t('pipeline.chain.scanCounts', {
                  blocking: String(release.findings.blocking),
                  accepted: String(release.findings.accepted),
                }),
                ...(notCovered
                  ? [t('pipeline.chain.scanNotCovered', { count: notCovered })]
                  : []),
              ].join(', ')})`}
          </ToneWord>
        </li>
        <li className={classes.item}>
          <DigestText digest={release.images[0]?.digest} />
        </li>
        <li className={classes.item}>
          <ToneWord tone={tone('attest')}>
            {t('pipeline.chain.attested')}
          </ToneWord>
        </li>
        <li className={classes.item}>
          <ToneWord tone={running.tone}>{running.text}</ToneWord>
        </li>
      </ol>
    </section>
  );
}
