import { useState } from 'react';
import { useApi } from '@backstage/core-plugin-api';
import Button from '@material-ui/core/Button';
import {
  TargetView,
  deliveryOperatePermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { targetId } from '../../model';
import { useDeliveryTranslation } from '../../translation';
import { AskedChecks } from '../Checks';

/**
 * What the environment lacks for this service, and how to give it. It asks the
 * environment itself, so only when somebody wants to know.
 */
export function EnvironmentChecks(props: { target: TargetView }) {
  const { target } = props;
  const [asked, setAsked] = useState(0);
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  return (
    <>
      <Button
        size="small"
        variant="outlined"
        onClick={() => setAsked(count => count + 1)}
      >
        {t('settings.check')}
      </Button>
      {asked > 0 && (
        <AskedChecks
          key={asked}
          id={`checks:${targetId(target)}:${asked}`}
          environment={target.environment.title}
          load={() => api.getChecks(target.service, target.environment.name)}
          permission={deliveryOperatePermission.name}
        />
      )}
    </>
  );
}
