import { ReactNode } from 'react';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { useDeliveryTranslation } from '../../translation';
import { LinkTabs } from '../LinkTabs';

/** By the path below the page. */
const TABS = { services: '', environments: '/environments' } as const;
type PageTab = keyof typeof TABS;
const NAMES: readonly PageTab[] = ['services', 'environments'];

const useStyles = makeStyles((theme: Theme) => ({
  parts: {
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(3),
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
    <LinkTabs
      id="delivery-page"
      label={t('environments.tabs.label')}
      tabs={NAMES.map(name => ({
        name,
        label: t(`environments.tabs.${name}`),
        to: `${base}${TABS[name]}` || '/',
      }))}
      chosen={chosen}
    >
      <div className={classes.parts}>{children}</div>
    </LinkTabs>
  );
}
