import Typography from '@material-ui/core/Typography';
import { BuiltImage } from '@slipway/backstage-plugin-delivery-common';
import { formatBytes } from '../../format';
import { useDeliveryTranslation } from '../../translation';
import { DataTable } from '../DataTable';

/** The images with their whole digests, from the moment they exist. */
export function ImageTable(props: {
  images: BuiltImage[];
  /** No image will come any more. */
  ended: boolean;
}) {
  const t = useDeliveryTranslation();
  if (props.images.length === 0) {
    return (
      <Typography variant="body2">
        {t(props.ended ? 'release.noImage' : 'release.noDigest')}
      </Typography>
    );
  }
  return (
    <DataTable<BuiltImage>
      caption={t('release.images')}
      rows={props.images}
      rowKey={row => row.name}
      columns={[
        { title: t('release.image'), render: row => row.name },
        {
          title: t('common.digest'),
          render: row => <code>{row.reference ?? row.digest}</code>,
        },
        { title: t('release.size'), render: row => formatBytes(row.sizeBytes) },
      ]}
    />
  );
}
