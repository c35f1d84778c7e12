import { createTranslationRef } from '@backstage/core-plugin-api/alpha';
import { TranslationFunction } from '@backstage/core-plugin-api/alpha';
import { common, steps, traffic, words } from './messages/common';
import {
  announcements,
  deployment,
  page,
  release,
} from './messages/deployment';
import { checks, environments } from './messages/environments';
import {
  causes,
  findings,
  instances,
  lists,
  pipeline,
  releaseDialog,
  settings,
} from './messages/pipeline';
import { verbs } from './messages/verbs';

/** Every sentence of the plugin, to translate. @public */
export const deliveryTranslationRef = createTranslationRef({
  id: 'delivery',
  messages: {
    common,
    words,
    steps,
    traffic,
    pipeline,
    causes,
    releaseDialog,
    lists,
    instances,
    settings,
    checks,
    environments,
    findings,
    verbs,
    deployment,
    release,
    page,
    announcements,
  },
});

/** What `useTranslationRef` gives for our messages. */
export type DeliveryT = TranslationFunction<typeof deliveryTranslationRef.T>;
