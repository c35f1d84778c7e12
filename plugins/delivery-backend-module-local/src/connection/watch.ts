import { setTimeout as delay } from 'node:timers/promises';
import { LoggerService } from '@backstage/backend-plugin-api';
import {
  TargetRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { LiveSource } from '@slipway/backstage-plugin-delivery-node';
import { WatchLine } from '../locald';
import { LocaldClient } from './client';

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;
/** slipway-locald sends something every two seconds. */
const SILENCE_MS = 7_000;

/** One stream of slipway-locald, opened again for as long as it is wanted. */
export function createLiveSource(
  client: LocaldClient,
  logger: LoggerService,
): LiveSource {
  return {
    watch(onChange, signal) {
      const known = new Map<string, TargetRef>();

      async function follow(onNews: () => void) {
        const silence = new AbortController();
        const cut = () => silence.abort();
        let timer = setTimeout(cut, SILENCE_MS);
        try {
          const until = AbortSignal.any([signal, silence.signal]);
          for await (const line of client.lines(['watch'], until)) {
            clearTimeout(timer);
            timer = setTimeout(cut, SILENCE_MS);
            onNews();
            if (line) {
              const { target, state }: WatchLine = JSON.parse(line);
              known.set(stringifyTarget(target), target);
              onChange(target, state);
            }
          }
        } finally {
          clearTimeout(timer);
        }
      }

      async function run() {
        const wait = { ms: FIRST_RETRY_MS };
        const onNews = () => {
          wait.ms = FIRST_RETRY_MS;
        };
        while (!signal.aborted) {
          let reason = 'slipway-locald closed the stream';
          try {
            await follow(onNews);
          } catch (error) {
            reason = error instanceof Error ? error.message : String(error);
          }
          if (signal.aborted) {
            return;
          }
          logger.debug(`The watch of slipway-locald ended: ${reason}`);
          const sinceMs = Date.now();
          for (const target of known.values()) {
            onChange(target, {
              unknown: `slipway-locald does not answer: ${reason}`,
              sinceMs,
            });
          }
          await delay(wait.ms);
          wait.ms = Math.min(MAX_RETRY_MS, wait.ms * 2);
        }
      }

      run().catch(error =>
        logger.error(`The watch of slipway-locald broke: ${error}`),
      );
    },
  };
}
