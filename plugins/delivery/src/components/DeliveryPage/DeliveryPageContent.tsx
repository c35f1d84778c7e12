import { Theme, makeStyles } from '@material-ui/core/styles';
import { LiveMarker } from '../LiveMarker';
import { Estate } from './Estate';
import { Inbox } from './Inbox';

const useStyles = makeStyles((theme: Theme) => ({
  root: { display: 'flex', flexDirection: 'column', gap: theme.spacing(3) },
}));

/** What needs somebody, then everything; without the page's header. */
export function DeliveryPageContent() {
  const classes = useStyles();
  return (
    <div className={classes.root}>
      <div>
        <LiveMarker />
      </div>
      <Inbox />
      <Estate />
    </div>
  );
}
