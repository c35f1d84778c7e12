import Chip from '@material-ui/core/Chip';
import { Theme, makeStyles } from '@material-ui/core/styles';

const useStyles = makeStyles((theme: Theme) => ({
  root: { display: 'flex', flexWrap: 'wrap', gap: theme.spacing(0.5) },
  chip: { margin: 0 },
}));

export interface FilterOption<T extends string> {
  value: T;
  label: string;
}

/** Chips that narrow down to what is chosen; none chosen shows all. */
export function FilterChips<T extends string>(props: {
  label: string;
  options: FilterOption<T>[];
  chosen: readonly T[];
  onChange: (chosen: T[]) => void;
}) {
  const { label, options, chosen, onChange } = props;
  const classes = useStyles();
  // One kind alone leaves nothing to choose, but a choice must stay undoable.
  if (options.length < 2 && chosen.length === 0) {
    return null;
  }
  return (
    <div className={classes.root} role="group" aria-label={label}>
      {options.map(({ value, label: text }) => {
        const isChosen = chosen.includes(value);
        return (
          <Chip
            key={value}
            className={classes.chip}
            component="button"
            size="small"
            clickable
            label={text}
            variant={isChosen ? 'default' : 'outlined'}
            color={isChosen ? 'primary' : 'default'}
            aria-pressed={isChosen}
            onClick={() =>
              onChange(
                isChosen
                  ? chosen.filter(it => it !== value)
                  : [...chosen, value],
              )
            }
          />
        );
      })}
    </div>
  );
}
