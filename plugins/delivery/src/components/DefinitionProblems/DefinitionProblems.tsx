import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import Alert from '@material-ui/lab/Alert';
import { DefinitionProblem } from '@slipway/backstage-plugin-delivery-common';
import { useDeliveryTranslation } from '../../translation';

const useStyles = makeStyles((theme: Theme) => ({
  alert: { '& .MuiAlert-message': { minWidth: 0, flex: 1 } },
  list: {
    margin: theme.spacing(1, 0, 0),
    padding: 0,
    listStyle: 'none',
    overflowWrap: 'anywhere',
    display: 'grid',
    gap: theme.spacing(1.5),
  },
  place: { fontSize: '1.15rem', fontWeight: 700 },
  hint: { fontWeight: 700 },
}));

/** `delivery.yaml:12:9`, as editors and terminals write it. */
export function placeOf(problem: DefinitionProblem): string {
  return [problem.file, problem.line, problem.column]
    .filter(part => part !== undefined)
    .join(':');
}

/** Where a definition is bad, what was expected there, and what was found. */
export function DefinitionProblems(props: {
  problems: DefinitionProblem[];
  /** What to do about it, where more than the file's correction is needed. */
  action?: string;
}) {
  const { problems, action } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  if (problems.length === 0) {
    return null;
  }
  return (
    <Alert severity="error" className={classes.alert}>
      <strong>{t('pipeline.definitionError')}</strong>
      <ul className={classes.list}>
        {problems.map(problem => (
          <li key={`${placeOf(problem)} ${problem.path} ${problem.expected}`}>
            <code className={classes.place}>{placeOf(problem)}</code>
            <Typography variant="body2">
              {t('pipeline.expected', {
                expected: problem.expected,
                found: problem.found,
              })}
            </Typography>
            {problem.hint && (
              <Typography variant="body2" className={classes.hint}>
                {problem.hint}
              </Typography>
            )}
            {problem.path && (
              <Typography variant="body2">
                {t('pipeline.inPath')} <code>{problem.path}</code>
              </Typography>
            )}
          </li>
        ))}
      </ul>
      {action && (
        <Typography variant="body2">
          {t('common.action', { action })}
        </Typography>
      )}
    </Alert>
  );
}
