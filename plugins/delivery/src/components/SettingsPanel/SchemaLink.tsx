import Button from '@material-ui/core/Button';
import { definitionJsonSchema } from '@slipway/backstage-plugin-delivery-common';
import { useDeliveryTranslation } from '../../translation';

/** Hands out the JSON schema of `delivery.yaml`, for completion in editors. */
export function SchemaLink() {
  const t = useDeliveryTranslation();
  const download = () => {
    const url = URL.createObjectURL(
      new Blob([JSON.stringify(definitionJsonSchema(), undefined, 2)], {
        type: 'application/schema+json',
      }),
    );
    const anchor = document.createElement('a');
    anchor.href = url;
    anchor.download = 'delivery.schema.json';
    anchor.click();
    URL.revokeObjectURL(url);
  };
  return (
    <Button size="small" variant="outlined" onClick={download}>
      {t('settings.schema')}
    </Button>
  );
}
