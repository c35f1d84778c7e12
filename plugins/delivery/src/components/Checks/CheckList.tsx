import { CodeSnippet } from '@backstage/core-components';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { ConnectionCheck } from '@slipway/backstage-plugin-delivery-common';
import { useDeliveryTranslation } from '../../translation';
import { ToneWord } from '../Tone';
import { CHECK_TONES, sorted } from './summary';

const useStyles = makeStyles((theme: Theme) => ({
  list: {
    listStyle: 'none',
    margin: theme.spacing(1, 0),
    padding: 0,
    '& > li': { marginBottom: theme.spacing(1) },
  },
  // Below the word of its check, not below its icon.
  message: {
    whiteSpace: 'pre-line',
    overflowWrap: 'anywhere',
    marginLeft: theme.spacing(2.5),
  },
  // A long line of YAML scrolls within itself.
  fix: { overflowX: 'auto', marginLeft: theme.spacing(2.5) },
  fine: { ...theme.typography.body2, cursor: 'pointer' },
}));

/**
 * Everything that was looked at: what needs somebody first, with how to give
 * it; what is as it should be is folded away while there is something else.
 */
export function CheckList(props: { checks: ConnectionCheck[] }) {
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const { open, fine } = sorted(props.checks);
  if (open.length === 0) {
    return <Items checks={fine} />;
  }
  return (
    <>
      <Items checks={open} />
      {fine.length > 0 && (
        <details>
          <summary className={classes.fine}>
            {t('checks.count.ok', { count: fine.length })}
          </summary>
          <Items checks={fine} />
        </details>
      )}
    </>
  );
}

function Items(props: { checks: ConnectionCheck[] }) {
  const t = useDeliveryTranslation();
  const classes = useStyles();
  return (
    <ul className={classes.list}>
      {props.checks.map(check => (
        <li key={check.id}>
          <ToneWord tone={CHECK_TONES[check.status]}>
            {`${check.title}: ${t(`checks.status.${check.status}`)}`}
          </ToneWord>
          <Typography variant="body2" className={classes.message}>
            {check.message}
          </Typography>
          {check.fix && (
            <div
              className={classes.fix}
              role="group"
              aria-label={t('checks.fix', { title: check.title })}
            >
              <CodeSnippet
                text={check.fix}
                language="bash"
                showCopyCodeButton
              />
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}
