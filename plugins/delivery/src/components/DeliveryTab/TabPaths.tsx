import { ReactNode, createContext, useContext, useMemo } from 'react';
import { useMountedBase } from '../../hooks';

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

/** The paths below where the tab is mounted. */
export function MountedTabPaths(props: { children: ReactNode }) {
  return (
    <TabPathsBelow base={useMountedBase()}>{props.children}</TabPathsBelow>
  );
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
