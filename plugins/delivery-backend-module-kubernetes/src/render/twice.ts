import { InputError } from '@backstage/errors';
import {
  PlanObject,
  plainRenderer,
  RenderRequest,
} from '@slipway/backstage-plugin-delivery-node';

/**
 * Renders two times and reads the result as manifests. A Plan is made once and
 * may be applied months later: what comes out differently each time (random
 * passwords, the time, what a cluster happens to hold) is no Plan.
 *
 * Errors: `InputError`.
 */
export async function renderTwice(
  request: RenderRequest,
  what: string,
  render: () => Promise<string>,
): Promise<PlanObject[]> {
  const read = (text: string) =>
    plainRenderer.render({
      ...request,
      path: what,
      bundle: new Map([[what, Buffer.from(text)]]),
    });
  const first = await read(await render());
  const second = new Map(
    (await read(await render())).map(({ id, bytes }) => [id, bytes]),
  );
  const other = first.find(({ id, bytes }) => !second.get(id)?.equals(bytes));
  if (other || second.size !== first.length) {
    throw new InputError(
      `${what}: two renderings of the same sources differ${
        other ? ` in ${other.id}` : ''
      }; remove what changes by itself (random values, the time of day)`,
    );
  }
  return first;
}
