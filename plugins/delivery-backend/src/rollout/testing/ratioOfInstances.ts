import {
  Desired,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';

type Wish = Desired['generations'][number];
type Sizes = ReadonlyMap<string, { wanted: number }>;

/**
 * What an environment without a router does: the share of a generation is its
 * part of the instances, so one that is tried gets no more of them than its
 * share allows beside the others, and one at least. It is told in the numbers
 * that were asked for. What is to have everything gets it once it is whole.
 */
export class RatioOfInstances {
  /** The shares that were written last, in force or not. */
  private shares: TrafficShare[] = [];
  private readonly sized = new Map<string, { asked: number; given: number }>();

  /** Whether the shares can be in force now. */
  note(
    { shares, generations }: Desired,
    sizes: Sizes,
    readyOf: (generation: string) => number,
  ): boolean {
    this.shares = shares;
    const all = shares.find(({ percent }) => percent >= 100)?.generation;
    const wish = generations.find(({ generation }) => generation === all);
    const others = [...sizes.keys()].filter(name => name !== all);
    return (
      wish?.track !== 'canary' ||
      readyOf(wish.generation) >= wish.replicas ||
      others.every(name => readyOf(name) === 0)
    );
  }

  /** The instances that a wish gets. */
  size({ generation, track, replicas }: Wish, sizes: Sizes): number {
    const shareOf = (name: string) =>
      this.shares.find(share => share.generation === name)?.percent ?? 0;
    const percent = shareOf(generation);
    this.sized.delete(generation);
    if (track !== 'canary' || percent <= 0 || percent >= 100) {
      return replicas;
    }
    const others = [...sizes]
      .filter(([name]) => name !== generation && shareOf(name) > 0)
      .reduce((sum, [, { wanted }]) => sum + wanted, 0);
    const most = Math.floor((percent * others) / (100 - percent) + 1e-9);
    const given = Math.min(replicas, Math.max(1, most));
    this.sized.set(generation, { asked: replicas, given });
    return given;
  }

  counted(
    generation: string,
    given: number,
    ready: number,
  ): { wanted: number; ready: number } {
    const sized = this.sized.get(generation);
    return sized && sized.given === given && given > 0
      ? {
          wanted: sized.asked,
          ready: Math.floor((ready * sized.asked) / given),
        }
      : { wanted: given, ready };
  }
}
