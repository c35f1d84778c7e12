import { ReactNode } from 'react';
import Table from '@material-ui/core/Table';
import TableBody from '@material-ui/core/TableBody';
import TableCell from '@material-ui/core/TableCell';
import TableContainer from '@material-ui/core/TableContainer';
import TableHead from '@material-ui/core/TableHead';
import TableRow from '@material-ui/core/TableRow';
import { Theme, makeStyles } from '@material-ui/core/styles';

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
  caption: {
    position: 'absolute',
    width: 1,
    height: 1,
    overflow: 'hidden',
    clip: 'rect(0 0 0 0)',
  },
}));

export interface Column<T> {
  title: string;
  render: (row: T) => ReactNode;
  /** Holds sentences: keeps room for them on narrow screens. */
  wide?: boolean;
}

/** A dense table that scrolls within itself on narrow screens. */
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
      <Table size="small">
        <caption className={classes.caption}>{props.caption}</caption>
        <TableHead>
          <TableRow>
            {props.columns.map(column => (
              <TableCell
                key={column.title}
                scope="col"
                component="th"
                className={`${classes.cell} ${
                  props.compact ? classes.compact : ''
                }`}
              >
                {column.title}
              </TableCell>
            ))}
          </TableRow>
        </TableHead>
        <TableBody>
          {props.rows.map(row => (
            <TableRow key={props.rowKey(row)} hover>
              {props.columns.map(column => (
                <TableCell
                  key={column.title}
                  className={[
                    classes.cell,
                    column.wide && classes.wide,
                    props.compact && classes.compact,
                  ]
                    .filter(Boolean)
                    .join(' ')}
                >
                  {column.render(row)}
                </TableCell>
              ))}
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </TableContainer>
  );
}
