import {
  Link,
  sidebarConfig,
  useSidebarOpenState,
} from '@backstage/core-components';
import { makeStyles } from '@material-ui/core';

const useStyles = makeStyles({
  root: {
    width: sidebarConfig.drawerWidthClosed,
    height: 3 * sidebarConfig.logoHeight,
    display: 'flex',
    alignItems: 'center',
    marginBottom: -14,
  },
  link: { marginLeft: 20, display: 'flex', alignItems: 'center', gap: 12 },
  name: { color: '#fff', fontSize: 20, fontWeight: 700, letterSpacing: 0.5 },
});

/** A hull on its way down the ramp. */
function Mark() {
  return (
    <svg width="32" height="32" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M3 24 29 29v1.6L3 25.6z" fill="#7aa2c9" />
      <path d="M5 15h22l-4.5 9.4L8.6 22z" fill="#fff" />
      <path d="M14 4h2.4v10H14zM17.6 6.2 25 13h-7.4z" fill="#5ad1b0" />
    </svg>
  );
}

export function SidebarLogo() {
  const classes = useStyles();
  const { isOpen } = useSidebarOpenState();
  return (
    <div className={classes.root}>
      <Link to="/" underline="none" className={classes.link} aria-label="Home">
        <Mark />
        {isOpen && <span className={classes.name}>Slipway</span>}
      </Link>
    </div>
  );
}
