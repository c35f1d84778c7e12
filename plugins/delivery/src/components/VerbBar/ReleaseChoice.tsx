import FormControl from '@material-ui/core/FormControl';
import FormControlLabel from '@material-ui/core/FormControlLabel';
import FormLabel from '@material-ui/core/FormLabel';
import Radio from '@material-ui/core/Radio';
import RadioGroup from '@material-ui/core/RadioGroup';
import Typography from '@material-ui/core/Typography';
import { Release } from '@slipway/backstage-plugin-delivery-common';
import { shortSha } from '../../format';
import { useDeliveryTranslation } from '../../translation';
import { DigestText } from '../DigestText';
import { RelativeTime } from '../RelativeTime';

/** One of the releases that can be deployed. */
export function ReleaseChoice(props: {
  releases: Release[];
  currentId?: string;
  chosen?: Release;
  onChoose: (release: Release) => void;
}) {
  const t = useDeliveryTranslation();
  if (props.releases.length === 0) {
    return (
      <Typography variant="body2">{t('verbs.dialog.noReleases')}</Typography>
    );
  }
  return (
    <FormControl component="fieldset" fullWidth>
      <FormLabel component="legend">
        {t('verbs.dialog.chooseRelease')}
      </FormLabel>
      <RadioGroup
        name="delivery-release"
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
            control={<Radio color="primary" />}
            label={
              <>
                <strong>{release.version}</strong> ·{' '}
                {shortSha(release.commit.sha)} · {release.commit.message} ·{' '}
                <DigestText digest={release.images[0]?.digest} /> ·{' '}
                <RelativeTime
                  atMs={release.finishedAtMs ?? release.createdAtMs}
                />
                {release.id === props.currentId &&
                  ` · ${t('verbs.dialog.current')}`}
              </>
            }
          />
        ))}
      </RadioGroup>
    </FormControl>
  );
}
