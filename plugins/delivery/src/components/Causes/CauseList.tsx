import { useId } from 'react';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { CauseLevel, ShownCause } from '../../model';
import { Tone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { RelativeTime } from '../RelativeTime';
import { ToneWord } from '../Tone';

const TONES: Record<CauseLevel, Tone> = {
  error: 'broken',
  warning: 'waiting',
  info: 'moving',
};
/** A box has room for so many; the others are one click away. */
const FIRST = 3;

const useStyles = makeStyles((theme: Theme) => ({
  list: {
    listStyle: 'none',
    margin: 0,
    padding: 0,
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(1),
    overflowWrap: 'anywhere',
    ...theme.typography.body2,
    '& summary': { cursor: 'pointer' },
  },
  // Below the words, not below the icon.
  facts: { paddingLeft: `calc(1.15em + ${theme.spacing(0.5)}px)` },
  evidence: {
    margin: theme.spacing(0.5, 0, 0),
    padding: theme.spacing(1),
    maxHeight: '16em',
    overflow: 'auto',
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
    backgroundColor: theme.palette.background.default,
    border: `1px solid ${theme.palette.divider}`,
    fontFamily: 'monospace',
    fontSize: theme.typography.body2.fontSize,
  },
}));

/**
 * Causes with their evidence and the fixing action. `compact`: the first ones,
 * evidence folded away.
 */
export function CauseList(props: { causes: ShownCause[]; compact?: boolean }) {
  const { causes, compact } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const titleId = useId();
  if (causes.length === 0) {
    return null;
  }
  const first = compact ? causes.slice(0, FIRST) : causes;
  const others = causes.slice(first.length);
  const items = (shown: ShownCause[]) =>
    shown.map(cause => (
      <Cause
        key={`${cause.code} ${cause.summary}`}
        cause={cause}
        open={!compact}
      />
    ));
  return (
    <div>
      {!compact && (
        <Typography variant="h6" component="h3" id={titleId}>
          {t('causes.title')}
        </Typography>
      )}
      <ul
        className={classes.list}
        aria-label={compact ? t('causes.title') : undefined}
        aria-labelledby={compact ? undefined : titleId}
      >
        {items(first)}
        {others.length > 0 && (
          <li>
            <details>
              <summary>{t('causes.more', { count: others.length })}</summary>
              <ul className={classes.list}>{items(others)}</ul>
            </details>
          </li>
        )}
      </ul>
    </div>
  );
}

function Cause(props: { cause: ShownCause; open: boolean }) {
  const { cause, open } = props;
  const { level, summary, about, by, sinceMs, evidence, action } = cause;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  return (
    <li data-cause={cause.code}>
      <ToneWord tone={TONES[level]}>
        {t('causes.sentence', { level: t(`causes.level.${level}`), summary })}
      </ToneWord>
      <div className={classes.facts}>
        <div>
          {about && (
            <>
              <code>{about}</code> ·{' '}
            </>
          )}
          {by && <>{t('causes.by', { by })} · </>}
          <RelativeTime atMs={sinceMs} />
        </div>
        {action && <div>{t('common.action', { action })}</div>}
        {evidence && (
          <details open={open}>
            <summary>{t('common.evidence')}</summary>
            <pre
              className={classes.evidence}
              aria-label={t('common.evidence')}
              role="region"
              // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so the keyboard must reach it
              tabIndex={0}
            >
              {evidence}
            </pre>
          </details>
        )}
      </div>
    </li>
  );
}
