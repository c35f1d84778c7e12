import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { DeploymentDetail } from '@slipway/backstage-plugin-delivery-common';
import { formatClock } from '../../format';
import { useDeliveryTranslation } from '../../translation';

const useStyles = makeStyles((theme: Theme) => ({
  lines: { margin: 0, padding: 0, listStyle: 'none' },
  text: {
    margin: theme.spacing(0.5, 0),
    padding: theme.spacing(0.5, 1),
    maxHeight: '9em',
    overflow: 'auto',
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
    backgroundColor: theme.palette.background.default,
    border: `1px solid ${theme.palette.divider}`,
    fontFamily: 'monospace',
    fontSize: theme.typography.body2.fontSize,
  },
}));

/** Else nothing is tried beside what is stable under that name. */
function isCanary({ rollout }: DeploymentDetail['deployment']): boolean {
  return rollout?.strategy.type === 'canary';
}

/** What the new version complains of and stable does not: often the cause itself. */
export function NewInCanary(props: { detail: DeploymentDetail }) {
  const { newInCanary, deployment } = props.detail;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  if (!newInCanary) {
    return null;
  }
  const { lines, more, compared, problem } = newInCanary;
  const counts = {
    candidate: String(compared.candidate),
    stable: String(compared.stable),
  };
  const found = compared.stable === 0 ? 'alone' : 'what';
  return (
    <section>
      <Typography variant="h6" component="h3">
        {t(
          `deployment.newInCanary.${
            isCanary(deployment) ? 'title' : 'titleOther'
          }`,
        )}
      </Typography>
      <Typography variant="body2">
        {problem === undefined
          ? t(
              `deployment.newInCanary.${lines.length === 0 ? 'none' : found}`,
              counts,
            )
          : t('deployment.newInCanary.problem', { message: problem })}
      </Typography>
      <ul className={classes.lines}>
        {lines.map(line => (
          <li key={line.text}>
            <pre
              className={classes.text}
              // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so the keyboard must reach it
              tabIndex={0}
            >
              {line.text}
            </pre>
            <Typography variant="caption">
              {t('deployment.newInCanary.times', {
                lines: String(line.count),
                when: formatClock(line.lastAtMs),
              })}
            </Typography>
          </li>
        ))}
      </ul>
      {more > 0 && (
        <Typography variant="body2">
          {t('deployment.newInCanary.more', { more: String(more) })}
        </Typography>
      )}
    </section>
  );
}
