import { ReactNode } from 'react';
import { Link as RouterLink } from 'react-router-dom';
import Tab from '@material-ui/core/Tab';
import Tabs from '@material-ui/core/Tabs';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { useDeliveryTranslation } from '../../translation';

/** By the path below the page. */
const TABS = { services: '', environments: '/environments' } as const;
type PageTab = keyof typeof TABS;
const NAMES: readonly PageTab[] = ['services', 'environments'];

const useStyles = makeStyles((theme: Theme) => ({
  panel: {
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(3),
    paddingTop: theme.spacing(2),
  },
}));

/** The parts of the Delivery page; each has its own address. */
export function PageTabs(props: {
  base: string;
  chosen: PageTab;
  children: ReactNode;
}) {
  const { base, chosen, children } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  return (
    <div>
      <Tabs
        value={chosen}
        variant="scrollable"
        scrollButtons="auto"
        indicatorColor="primary"
        aria-label={t('environments.tabs.label')}
      >
        {NAMES.map(name => (
          <Tab
            key={name}
            value={name}
            id={`delivery-page-tab-${name}`}
            aria-controls={
              name === chosen ? `delivery-page-panel-${name}` : undefined
            }
            label={t(`environments.tabs.${name}`)}
            component={RouterLink}
            to={`${base}${TABS[name]}` || '/'}
          />
        ))}
      </Tabs>
      <div
        role="tabpanel"
        id={`delivery-page-panel-${chosen}`}
        aria-labelledby={`delivery-page-tab-${chosen}`}
        className={classes.panel}
      >
        {children}
      </div>
    </div>
  );
}
