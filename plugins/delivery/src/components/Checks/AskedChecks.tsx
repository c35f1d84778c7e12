import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { ConnectionCheck } from '@slipway/backstage-plugin-delivery-common';
import { useResource } from '../../hooks';
import { useDeliveryTranslation } from '../../translation';
import { LiveRegion } from '../LiveRegion';
import { PartState } from '../PartState';
import { RelativeTime } from '../RelativeTime';
import { ToneWord } from '../Tone';
import { CheckList } from './CheckList';
import { summaryOf } from './summary';

const useStyles = makeStyles((theme: Theme) => ({
  root: { marginTop: theme.spacing(1) },
}));

export interface AskedChecksProps {
  /** Whose checks these are; another one is asked for anew. */
  id: string;
  /** The environment, as people call it. */
  environment: string;
  load: () => Promise<ConnectionCheck[]>;
  /** Named when the backend does not name the one that is missing. */
  permission: string;
}

/**
 * A check that somebody has asked for: it asks the environment itself, so it is
 * made once, and again only when somebody wants it again.
 */
export function AskedChecks(props: AskedChecksProps) {
  const { id, environment, load, permission } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const resource = useResource<ConnectionCheck[]>(id, load, { once: true });
  const summary = resource.value && summaryOf(resource.value, t);
  const heard = summary?.text ?? (resource.value ? t('settings.noChecks') : '');
  return (
    <div className={classes.root}>
      <LiveRegion
        states={{
          [id]: heard && t('checks.told', { environment, summary: heard }),
        }}
      />
      <PartState
        resource={resource}
        what={t('lists.checks')}
        permission={permission}
      >
        {checks =>
          summary ? (
            <>
              <Typography variant="body2" component="div">
                <ToneWord tone={summary.tone}>{summary.text}</ToneWord>
                {resource.loadedAtMs !== undefined && (
                  <>
                    {' · '}
                    <RelativeTime atMs={resource.loadedAtMs} />
                  </>
                )}
              </Typography>
              <CheckList checks={checks} />
            </>
          ) : (
            <Typography variant="body2">{t('settings.noChecks')}</Typography>
          )
        }
      </PartState>
    </div>
  );
}
