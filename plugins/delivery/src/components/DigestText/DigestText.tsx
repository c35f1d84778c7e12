import { makeStyles } from '@material-ui/core/styles';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { shortDigest } from '../../format';

const useStyles = makeStyles({
  root: { fontFamily: 'monospace', fontSize: '0.95em', whiteSpace: 'nowrap' },
});

/** A digest, shortened; whole on hover. */
export function DigestText(props: { digest: Digest | undefined }) {
  const classes = useStyles();
  return (
    <code className={classes.root} title={props.digest}>
      {shortDigest(props.digest)}
    </code>
  );
}
