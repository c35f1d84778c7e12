import { Route, Routes } from 'react-router-dom';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { useMountedBase } from '../../hooks';
import { LiveMarker } from '../LiveMarker';
import { Environments } from './Environments';
import { Estate } from './Estate';
import { Inbox } from './Inbox';
import { PageTabs } from './PageTabs';

const useStyles = makeStyles((theme: Theme) => ({
  root: { display: 'flex', flexDirection: 'column', gap: theme.spacing(3) },
}));

/**
 * What needs somebody, then everything; beside it the environments. Without
 * the page's header.
 */
export function DeliveryPageContent() {
  const classes = useStyles();
  const base = useMountedBase();
  return (
    <div className={classes.root}>
      <div>
        <LiveMarker />
      </div>
      <Routes>
        <Route
          path="/environments"
          element={
            <PageTabs base={base} chosen="environments">
              <Environments base={base} />
            </PageTabs>
          }
        />
        <Route
          path="*"
          element={
            <PageTabs base={base} chosen="services">
              <Inbox />
              <Estate />
            </PageTabs>
          }
        />
      </Routes>
    </div>
  );
}
