import { ReactNode, createContext, useContext, useMemo } from 'react';
import { useLocation, useParams } from 'react-router-dom';

export interface TabPaths {
  overview(): string;
  tab(name: string): string;
  deployment(id: string): string;
  release(id: string): string;
}

function pathsBelow(base: string): TabPaths {
  return {
    overview: () => base || '/',
    tab: name => `${base}/${name}`,
    deployment: id => `${base}/deployments/${encodeURIComponent(id)}`,
    release: id => `${base}/releases/${encodeURIComponent(id)}`,
  };
}

const TabPathsContext = createContext<TabPaths>(pathsBelow(''));

/** The paths below the Delivery tab that is shown. */
export function useTabPaths(): TabPaths {
  return useContext(TabPathsContext);
}

/**
 * Finds where the tab is mounted. The place is the adopter's choice in both
 * frontend systems, so it is read from the location: what the mounting route's
 * splat did not match.
 */
export function MountedTabPaths(props: { children: ReactNode }) {
  const { pathname } = useLocation();
  const rest = useParams()['*'] ?? '';
  const base = decodeURI(pathname)
    .slice(0, decodeURI(pathname).length - rest.length)
    .replace(/\/+$/, '');
  return <TabPathsBelow base={base}>{props.children}</TabPathsBelow>;
}

/** For parts that are shown elsewhere than in the tab. */
export function TabPathsBelow(props: { base: string; children: ReactNode }) {
  const { base } = props;
  const paths = useMemo(() => pathsBelow(base), [base]);
  return (
    <TabPathsContext.Provider value={paths}>
      {props.children}
    </TabPathsContext.Provider>
  );
}
