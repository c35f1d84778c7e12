import FormControl from '@material-ui/core/FormControl';
import FormControlLabel from '@material-ui/core/FormControlLabel';
import FormLabel from '@material-ui/core/FormLabel';
import Radio from '@material-ui/core/Radio';
import RadioGroup from '@material-ui/core/RadioGroup';
import Typography from '@material-ui/core/Typography';
import { makeStyles } from '@material-ui/core/styles';
import { CommitView } from '@slipway/backstage-plugin-delivery-common';
import { formatRelative, shortSha } from '../../format';
import { useNow } from '../../hooks';
import { releaseTone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { ToneWord } from '../Tone';

const useStyles = makeStyles({
  list: { maxHeight: '40vh', overflowY: 'auto', flexWrap: 'nowrap' },
  label: { overflowWrap: 'anywhere' },
});

/** The commits of the branch, newest first, with what became of each. */
export function CommitChoice(props: {
  commits: CommitView[];
  value: string;
  onChange: (sha: string) => void;
}) {
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const nowMs = useNow(10_000);
  if (props.commits.length === 0) {
    return <Typography variant="body2">{t('releaseDialog.none')}</Typography>;
  }
  return (
    <FormControl component="fieldset" fullWidth>
      <FormLabel component="legend">{t('releaseDialog.commits')}</FormLabel>
      <RadioGroup
        name="delivery-commit"
        className={classes.list}
        value={props.value}
        onChange={(_, value) => props.onChange(value)}
      >
        {props.commits.map(commit => (
          <FormControlLabel
            key={commit.sha}
            value={commit.sha}
            className={classes.label}
            control={<Radio color="primary" />}
            label={
              <>
                <strong>{commit.message.split('\n')[0]}</strong>{' '}
                <code>{shortSha(commit.sha)}</code>
                <Typography
                  variant="body2"
                  color="textSecondary"
                  component="div"
                >
                  {t('releaseDialog.by', {
                    author: commit.author,
                    age: formatRelative(commit.committedAtMs, nowMs),
                  })}
                  {commit.releaseStatus && (
                    <>
                      {' '}
                      ·{' '}
                      <ToneWord tone={releaseTone(commit.releaseStatus)}>
                        {t('releaseDialog.existing', {
                          status: t(`words.release.${commit.releaseStatus}`),
                        })}
                      </ToneWord>
                    </>
                  )}
                </Typography>
              </>
            }
          />
        ))}
      </RadioGroup>
    </FormControl>
  );
}
