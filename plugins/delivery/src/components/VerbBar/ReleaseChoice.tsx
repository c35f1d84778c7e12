import FormControl from '@material-ui/core/FormControl';
import FormControlLabel from '@material-ui/core/FormControlLabel';
import FormLabel from '@material-ui/core/FormLabel';
import Radio from '@material-ui/core/Radio';
import RadioGroup from '@material-ui/core/RadioGroup';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { Release } from '@slipway/backstage-plugin-delivery-common';
import { shortSha } from '../../format';
import { useDeliveryTranslation } from '../../translation';
import { DigestText } from '../DigestText';
import { RelativeTime } from '../RelativeTime';

const useStyles = makeStyles((theme: Theme) => ({
  root: { marginBottom: theme.spacing(2) },
  list: { maxHeight: '40vh', overflowY: 'auto', flexWrap: 'nowrap' },
  label: { overflowWrap: 'anywhere', marginTop: theme.spacing(1) },
}));

/** One of the releases that can be deployed. */
export function ReleaseChoice(props: {
  releases: Release[];
  currentId?: string;
  chosen?: Release;
  onChoose: (release: Release) => void;
  /** What to say when there is none. */
  none: string;
}) {
  const t = useDeliveryTranslation();
  const classes = useStyles();
  if (props.releases.length === 0) {
    return <Typography variant="body2">{props.none}</Typography>;
  }
  return (
    <FormControl component="fieldset" fullWidth className={classes.root}>
      <FormLabel component="legend">
        {t('verbs.dialog.chooseRelease')}
      </FormLabel>
      <RadioGroup
        name="delivery-release"
        className={classes.list}
        value={props.chosen?.id ?? ''}
        onChange={(_, id) => {
          const release = props.releases.find(it => it.id === id);
          if (release) {
            props.onChoose(release);
          }
        }}
      >
        {props.releases.map(release => (
          <FormControlLabel
            key={release.id}
            value={release.id}
            className={classes.label}
            control={<Radio color="primary" />}
            label={
              <>
                <strong>{release.version}</strong>{' '}
                {release.commit.message.split('\n')[0]}
                {release.id === props.currentId && (
                  <strong> ({t('verbs.dialog.current')})</strong>
                )}
                <Typography
                  variant="body2"
                  color="textSecondary"
                  component="div"
                >
                  <code>{shortSha(release.commit.sha)}</code> ·{' '}
                  <DigestText digest={release.images[0]?.digest} /> ·{' '}
                  <RelativeTime
                    atMs={release.finishedAtMs ?? release.createdAtMs}
                  />
                </Typography>
              </>
            }
          />
        ))}
      </RadioGroup>
    </FormControl>
  );
}
