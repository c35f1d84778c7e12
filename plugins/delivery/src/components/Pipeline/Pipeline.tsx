import { Fragment } from 'react';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { TargetView } from '@slipway/backstage-plugin-delivery-common';
import { targetId } from '../../model';
import { useDeliveryTranslation } from '../../translation';
import { EnvironmentBox } from '../EnvironmentBox';
import { PromotionArrow } from './PromotionArrow';

const useStyles = makeStyles((theme: Theme) => ({
  root: {
    display: 'flex',
    alignItems: 'stretch',
    gap: theme.spacing(1),
    [theme.breakpoints.down('sm')]: { flexDirection: 'column' },
  },
}));

/** The environments in promotion order, with what stands between them. */
export function Pipeline(props: {
  targets: TargetView[];
  reload: () => Promise<void>;
  onPredict: (predicted: TargetView) => void;
}) {
  const classes = useStyles();
  const t = useDeliveryTranslation();
  return (
    <div
      className={classes.root}
      role="group"
      aria-label={t('pipeline.heading')}
    >
      {props.targets.map((target, index) => (
        <Fragment key={targetId(target)}>
          <PromotionArrow from={props.targets[index - 1]} to={target} />
          <EnvironmentBox
            target={target}
            reload={props.reload}
            onPredict={props.onPredict}
          />
        </Fragment>
      ))}
    </div>
  );
}
