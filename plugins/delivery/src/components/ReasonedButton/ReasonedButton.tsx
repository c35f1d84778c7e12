import Button, { ButtonProps } from '@material-ui/core/Button';
import Tooltip from '@material-ui/core/Tooltip';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { useDeliveryTranslation } from '../../translation';

const useStyles = makeStyles((theme: Theme) => ({
  disabled: {
    color: theme.palette.text.secondary,
    borderStyle: 'dashed',
    cursor: 'not-allowed',
  },
}));

/**
 * A button that says why it cannot be used. It stays focusable then
 * (`aria-disabled`, not `disabled`), so that the reason can be reached by
 * keyboard and heard.
 */
export function ReasonedButton(props: {
  label: string;
  /** Names it where several have the same label. */
  name?: string;
  /** Why it cannot be used; absent: it can. */
  reason?: string;
  onClick: ButtonProps['onClick'];
}) {
  const { label, name, reason, onClick } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const button = (
    <Button
      size="small"
      variant="outlined"
      aria-disabled={reason !== undefined}
      aria-label={
        reason === undefined
          ? name
          : t('verbs.disabled', { verb: name ?? label, reason })
      }
      className={reason === undefined ? undefined : classes.disabled}
      disableRipple={reason !== undefined}
      onClick={reason === undefined ? onClick : undefined}
    >
      {label}
    </Button>
  );
  // Without a text there is no tooltip; the button stays the same one.
  return <Tooltip title={reason ?? ''}>{button}</Tooltip>;
}
