import { ReactNode } from 'react';
import { Link as RouterLink } from 'react-router-dom';
import Tab from '@material-ui/core/Tab';
import Tabs from '@material-ui/core/Tabs';
import { Theme, makeStyles } from '@material-ui/core/styles';

const useStyles = makeStyles((theme: Theme) => ({
  panel: { paddingTop: theme.spacing(2) },
}));

/** Tabs of which each has its own address; only the chosen one has its panel here. */
export function LinkTabs<Name extends string>(props: {
  /** Begins the ids of the tabs and of the panel. */
  id: string;
  label: string;
  tabs: ReadonlyArray<{ name: Name; label: string; to: string }>;
  chosen: Name;
  children: ReactNode;
}) {
  const { id, label, tabs, chosen, children } = props;
  const classes = useStyles();
  return (
    <div>
      <Tabs
        value={chosen}
        variant="scrollable"
        scrollButtons="auto"
        indicatorColor="primary"
        aria-label={label}
      >
        {tabs.map(tab => (
          <Tab
            key={tab.name}
            value={tab.name}
            id={`${id}-tab-${tab.name}`}
            aria-controls={
              tab.name === chosen ? `${id}-panel-${tab.name}` : undefined
            }
            label={tab.label}
            component={RouterLink}
            to={tab.to}
          />
        ))}
      </Tabs>
      <div
        role="tabpanel"
        id={`${id}-panel-${chosen}`}
        aria-labelledby={`${id}-tab-${chosen}`}
        className={classes.panel}
      >
        {children}
      </div>
    </div>
  );
}
