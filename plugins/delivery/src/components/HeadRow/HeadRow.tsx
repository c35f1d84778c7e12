import { ReactNode } from 'react';
import { Theme, makeStyles } from '@material-ui/core/styles';

const useStyles = makeStyles((theme: Theme) => ({
  root: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(1),
    justifyContent: 'space-between',
    alignItems: 'baseline',
  },
}));

/** A title, and at the other end of its line what belongs to it. */
export function HeadRow(props: { children: ReactNode }) {
  return <div className={useStyles().root}>{props.children}</div>;
}
