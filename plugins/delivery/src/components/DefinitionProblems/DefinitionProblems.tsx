import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import Alert from '@material-ui/lab/Alert';
import { DefinitionProblem } from '@slipway/backstage-plugin-delivery-common';
import { useDeliveryTranslation } from '../../translation';

const useStyles = makeStyles((theme: Theme) => ({
  list: { margin: 0, paddingLeft: theme.spacing(2), overflowWrap: 'anywhere' },
}));

/** `delivery.yaml:12:9`, as editors and terminals write it. */
export function placeOf(problem: DefinitionProblem): string {
  return [problem.file, problem.line, problem.column]
    .filter(part => part !== undefined)
    .join(':');
}

/** Where a definition is bad, what was expected there, and what was found. */
export function DefinitionProblems(props: { problems: DefinitionProblem[] }) {
  const t = useDeliveryTranslation();
  const classes = useStyles();
  if (props.problems.length === 0) {
    return null;
  }
  return (
    <Alert severity="error">
      <strong>{t('pipeline.definitionError')}</strong>
      <ul className={classes.list}>
        {props.problems.map(problem => (
          <li key={`${placeOf(problem)} ${problem.path} ${problem.expected}`}>
            <code>{placeOf(problem)}</code>
            {problem.path && (
              <>
                {' '}
                <code>{problem.path}</code>
              </>
            )}
            :{' '}
            {t('pipeline.expected', {
              expected: problem.expected,
              found: problem.found,
            })}
            {problem.hint && (
              <Typography variant="body2">{problem.hint}</Typography>
            )}
          </li>
        ))}
      </ul>
    </Alert>
  );
}
