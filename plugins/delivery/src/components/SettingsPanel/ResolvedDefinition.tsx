import { CodeSnippet } from '@backstage/core-components';
import { useApi } from '@backstage/core-plugin-api';
import Typography from '@material-ui/core/Typography';
import {
  ReleaseDetail,
  ServiceRef,
  deliveryServiceReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useResource } from '../../hooks';
import { useDeliveryTranslation } from '../../translation';
import { DefinitionProblems } from '../DefinitionProblems';
import { FIRST_DEFINITION } from '../DeliveryTab/snippets';
import { Empty, PartState } from '../PartState';
import { SchemaLink } from './SchemaLink';

/** The definition as the newest release resolved it, every default filled in. */
export function ResolvedDefinition(props: { service: ServiceRef }) {
  const { service } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const resource = useResource<ReleaseDetail | undefined>(
    `definition:${service}`,
    async () => {
      const page = await api.getReleases({ service, limit: 1 });
      return page.items[0] && api.getRelease(page.items[0].id);
    },
    {
      affectedBy: event =>
        event.service === service && event.kind === 'release',
    },
  );
  return (
    <section>
      <Typography variant="h6" component="h3">
        {t('settings.resolved')}
      </Typography>
      <SchemaLink />
      <PartState
        resource={resource}
        what={t('lists.release')}
        permission={deliveryServiceReadPermission.name}
      >
        {detail => (
          <>
            <DefinitionProblems problems={detail?.definitionProblems ?? []} />
            {detail?.definition ? (
              <>
                <Typography variant="body2">
                  {t('settings.resolvedOf', {
                    version: detail.release.version,
                  })}
                </Typography>
                <CodeSnippet
                  text={JSON.stringify(detail.definition, undefined, 2)}
                  language="json"
                  showCopyCodeButton
                />
              </>
            ) : (
              <Empty
                title={t('settings.none')}
                snippets={[
                  {
                    name: t('pipeline.empty.definition'),
                    text: FIRST_DEFINITION,
                  },
                ]}
              />
            )}
          </>
        )}
      </PartState>
    </section>
  );
}
