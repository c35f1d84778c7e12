import ButtonBase from '@material-ui/core/ButtonBase';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  STAGE_ORDER,
  StageName,
  StageState,
} from '@slipway/backstage-plugin-delivery-common';
import { formatDuration } from '../../format';
import { useNow } from '../../hooks';
import { stageTone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { ToneWord } from '../Tone';

const useStyles = makeStyles((theme: Theme) => ({
  list: {
    display: 'flex',
    gap: theme.spacing(0.5),
    listStyle: 'none',
    margin: 0,
    padding: theme.spacing(0.5, 0),
    overflowX: 'auto',
  },
  item: { flex: '1 0 auto' },
  stage: {
    display: 'block',
    width: '100%',
    textAlign: 'left',
    padding: theme.spacing(0.75, 1),
    border: `1px solid ${theme.palette.divider}`,
    borderRadius: theme.shape.borderRadius,
    ...theme.typography.body2,
    '&[aria-current="true"]': {
      backgroundColor: theme.palette.action.selected,
      borderColor: theme.palette.primary.main,
    },
    '&:focus-visible': { outline: `2px solid ${theme.palette.primary.main}` },
  },
}));

/** The stages side by side, each with its state and how long it took. */
export function StageStrip(props: {
  stages: StageState[];
  chosen?: StageName;
  onChoose?: (stage: StageName) => void;
}) {
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const nowMs = useNow();
  const { chosen, onChoose } = props;
  return (
    <ol
      className={classes.list}
      aria-label={t('release.stages')}
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
      tabIndex={onChoose ? undefined : 0}
    >
      {STAGE_ORDER.map(name => {
        const stage = props.stages.find(it => it.stage === name);
        const status = stage?.status ?? 'pending';
        const content = (
          <>
            <strong>{t(`words.stage.${name}`)}</strong>
            <br />
            <ToneWord tone={stageTone(status)}>
              {t(`words.stageStatus.${status}`)}
            </ToneWord>
            <br />
            {durationOf(stage, nowMs)}
            {stage &&
              stage.attempt > 1 &&
              ` ${t('release.attempt', { attempt: String(stage.attempt) })}`}
            &nbsp;
          </>
        );
        return (
          <li key={name} className={classes.item}>
            {onChoose ? (
              <ButtonBase
                className={classes.stage}
                aria-current={chosen === name}
                onClick={() => onChoose(name)}
              >
                {content}
              </ButtonBase>
            ) : (
              <div className={classes.stage}>{content}</div>
            )}
          </li>
        );
      })}
    </ol>
  );
}

function durationOf(stage: StageState | undefined, nowMs: number): string {
  if (stage?.startedAtMs === undefined) {
    return '';
  }
  if (stage.finishedAtMs !== undefined) {
    return formatDuration(stage.finishedAtMs - stage.startedAtMs);
  }
  return stage.status === 'running'
    ? formatDuration(Math.max(1_000, nowMs - stage.startedAtMs))
    : '';
}
