import { HeaderMatch } from './definition';

/** @public */
export interface TrafficShare {
  generation: string;
  /** 0..100. The shares of a target add up to 100 or to 0. */
  percent: number;
}

/**
 * Requests that a generation gets whatever the shares are. No part of the
 * shares: those divide what is left.
 *
 * @public
 */
export type TrafficRoute =
  /** Requests that carry all of these headers. */
  | { type: 'headers'; generation: string; headers: HeaderMatch[] }
  /** Copies of this share of all requests; their answers are thrown away. */
  | { type: 'mirror'; generation: string; percent: number };
