import { ReactNode } from 'react';
import Table from '@material-ui/core/Table';
import TableBody from '@material-ui/core/TableBody';
import TableCell from '@material-ui/core/TableCell';
import TableContainer from '@material-ui/core/TableContainer';
import TableHead from '@material-ui/core/TableHead';
import TableRow from '@material-ui/core/TableRow';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { CreateCSSProperties } from '@material-ui/core/styles/withStyles';

/** For screen readers only. */
const hidden: CreateCSSProperties = {
  position: 'absolute',
  width: 1,
  height: 1,
  overflow: 'hidden',
  clip: 'rect(0 0 0 0)',
};

const useStyles = makeStyles((theme: Theme) => ({
  container: { overflowX: 'auto', maxWidth: '100%' },
  // The theme breaks words anywhere; a column of letters helps nobody. What is
  // short stays on one line, and the table scrolls within itself.
  cell: {
    padding: theme.spacing(0.75, 1),
    verticalAlign: 'top',
    lineHeight: 1.35,
    whiteSpace: 'nowrap',
    wordBreak: 'normal',
    overflowWrap: 'normal',
  },
  wide: {
    minWidth: '14rem',
    whiteSpace: 'normal',
    overflowWrap: 'break-word',
  },
  compact: {
    padding: theme.spacing(0.5, 1, 0.5, 0),
    '&:last-child': { paddingRight: 0 },
  },
  // On a phone each row stands as a block, its columns below each other.
  head: { [theme.breakpoints.down('xs')]: hidden },
  row: {
    [theme.breakpoints.down('xs')]: {
      display: 'block',
      padding: theme.spacing(0.5, 0),
      borderBottom: `1px solid ${theme.palette.divider}`,
    },
  },
  stacked: {
    [theme.breakpoints.down('xs')]: {
      display: 'grid',
      gridTemplateColumns: 'minmax(5rem, 1fr) minmax(0, 3fr)',
      columnGap: theme.spacing(1),
      padding: theme.spacing(0.25, 1),
      minWidth: 0,
      border: 'none',
      whiteSpace: 'normal',
      overflowWrap: 'anywhere',
      '&::before': {
        content: 'attr(data-title)',
        color: theme.palette.text.secondary,
      },
    },
  },
  table: { [theme.breakpoints.down('xs')]: { display: 'block' } },
  body: { [theme.breakpoints.down('xs')]: { display: 'block' } },
  caption: hidden,
}));

export interface Column<T> {
  title: string;
  render: (row: T) => ReactNode;
  /** Holds sentences: keeps room for them on narrow screens. */
  wide?: boolean;
}

/** A dense table; it scrolls within itself where it has no room, and is stacked on phones. */
export function DataTable<T>(props: {
  caption: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  /** Stands in a box of its own padding: less room between the columns. */
  compact?: boolean;
}) {
  const classes = useStyles();
  return (
    <TableContainer
      className={classes.container}
      role="region"
      aria-label={props.caption}
      tabIndex={0}
    >
      {/* The roles stay what they are, whatever is shown as a block. */}
      <Table size="small" role="table" className={classes.table}>
        <caption className={classes.caption}>{props.caption}</caption>
        <TableHead role="rowgroup" className={classes.head}>
          <TableRow role="row">
            {props.columns.map(column => (
              <TableCell
                key={column.title}
                scope="col"
                component="th"
                role="columnheader"
                className={`${classes.cell} ${
                  props.compact ? classes.compact : ''
                }`}
              >
                {column.title}
              </TableCell>
            ))}
          </TableRow>
        </TableHead>
        <TableBody role="rowgroup" className={classes.body}>
          {props.rows.map(row => (
            <TableRow
              key={props.rowKey(row)}
              hover
              role="row"
              className={classes.row}
            >
              {props.columns.map(column => (
                <TableCell
                  key={column.title}
                  role="cell"
                  data-title={column.title}
                  className={[
                    classes.cell,
                    column.wide && classes.wide,
                    props.compact && classes.compact,
                    classes.stacked,
                  ]
                    .filter(Boolean)
                    .join(' ')}
                >
                  <div>{column.render(row)}</div>
                </TableCell>
              ))}
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </TableContainer>
  );
}
