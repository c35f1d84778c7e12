import { Stage } from '../types';
import { attestStage } from './attest';
import { buildStage } from './build';
import { definitionStage } from './definition';
import { fetchStage } from './fetch';
import { gateStage } from './gate';
import { pushStage } from './push';
import { scanStage } from './scan';

/** In the order in which they run. */
export const STAGES: readonly Stage[] = [
  fetchStage,
  definitionStage,
  buildStage,
  scanStage,
  gateStage,
  pushStage,
  attestStage,
];
