import Button from '@material-ui/core/Button';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { Pages } from '../../hooks';
import { useDeliveryTranslation } from '../../translation';

const useStyles = makeStyles((theme: Theme) => ({
  root: {
    display: 'flex',
    gap: theme.spacing(1),
    alignItems: 'center',
    marginTop: theme.spacing(1),
  },
}));

/** Goes through a list page by page; absent when there is one page only. */
export function Pager<T>(props: { pages: Pages<T>; label: string }) {
  const { pages } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  if (!pages.next && !pages.previous) {
    return null;
  }
  return (
    <nav className={classes.root} aria-label={props.label}>
      <Button size="small" disabled={!pages.previous} onClick={pages.previous}>
        {t('common.previousPage')}
      </Button>
      <span>{t('common.page', { page: String(pages.index + 1) })}</span>
      <Button size="small" disabled={!pages.next} onClick={pages.next}>
        {t('common.nextPage')}
      </Button>
    </nav>
  );
}
