import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { InputError } from '@backstage/errors';
import {
  createUnpackBudget,
  LayerEntry,
  OciDescriptor,
  OciLayout,
  readLayer,
  safeSegments,
} from '@slipway/backstage-plugin-delivery-node';

const MAX_LINK_HOPS = 40;
const NAMES_MAX_BYTES = 1024 * 1024;
/** Where the names behind `--chown=name` are looked up. */
const NAME_FILES = ['etc/passwd', 'etc/group'];

type Node =
  | { type: 'directory' }
  | { type: 'file' }
  | { type: 'symlink'; target: string };

async function readText(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > NAMES_MAX_BYTES) {
      throw new InputError(
        'The image has a list of users or groups of more than 1 MiB',
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * The names in an image's file system, without the bytes: what a copy needs to
 * know of the layers below it.
 */
export class ImageTree {
  private readonly nodes = new Map<string, Node>();
  private readonly names = new Map<string, string>();

  /** Lays the names of layers over each other, whiteouts included. */
  static async read(
    layout: OciLayout,
    layers: readonly OciDescriptor[],
    signal: AbortSignal,
  ): Promise<ImageTree> {
    const tree = new ImageTree();
    const budget = createUnpackBudget();
    for (const layer of layers) {
      const where = `Layer ${layer.digest}`;
      const added = new Set<string>();
      const source = layout.blobStream(layer);
      await readLayer(
        source,
        { mediaType: layer.mediaType, budget, where, signal },
        async (header, body) => {
          const path = safeSegments(header.name, where).join('/');
          const name = posix.basename(path);
          const folder = posix.dirname(path);
          if (name === '.wh..wh..opq') {
            tree.remove(folder, added, false);
          } else if (name.startsWith('.wh.')) {
            tree.remove(
              posix.join(folder, name.slice('.wh.'.length)),
              added,
              true,
            );
          } else if (path !== '') {
            tree.set(path, header.type ?? 'file', header.linkname ?? '');
            added.add(path);
            if (NAME_FILES.includes(path) && header.type === 'file') {
              tree.names.set(path, await readText(body));
            }
          }
        },
      );
    }
    return tree;
  }

  private set(path: string, type: string, target: string): void {
    if (type === 'directory') {
      this.nodes.set(path, { type });
    } else if (type === 'symlink') {
      this.nodes.set(path, { type, target });
    } else {
      this.nodes.set(path, { type: 'file' });
    }
  }

  private remove(path: string, kept: Set<string>, itself: boolean): void {
    for (const found of [...this.nodes.keys()]) {
      const isBelow = found.startsWith(`${path}/`);
      if ((isBelow || (itself && found === path)) && !kept.has(found)) {
        this.nodes.delete(found);
      }
    }
  }

  /** What a build adds becomes visible to the instructions after it. */
  add(entries: readonly LayerEntry[]): void {
    for (const entry of entries) {
      this.set(
        entry.path,
        entry.type,
        entry.type === 'symlink' ? entry.target : '',
      );
      let folder = posix.dirname(entry.path);
      while (folder !== '.' && !this.nodes.has(folder)) {
        this.nodes.set(folder, { type: 'directory' });
        folder = posix.dirname(folder);
      }
    }
  }

  isFolder(path: string): boolean {
    return path === '' || this.nodes.get(path)?.type === 'directory';
  }

  /**
   * A path with the image's links followed, as a copy would write to it. In an
   * image an absolute link means "from the image's root".
   *
   * Errors: `InputError` for links in a circle.
   */
  resolve(path: string): string {
    const pending = path.split('/').filter(Boolean);
    const done: string[] = [];
    let hops = 0;
    while (pending.length > 0) {
      const segment = pending.shift()!;
      if (segment === '..') {
        done.pop();
      } else if (segment !== '.' && segment !== '') {
        const node = this.nodes.get([...done, segment].join('/'));
        if (node?.type === 'symlink') {
          hops += 1;
          if (hops > MAX_LINK_HOPS) {
            throw new InputError(
              `"${path}" goes through more than ${MAX_LINK_HOPS} links in the image`,
            );
          }
          if (node.target.startsWith('/')) {
            done.length = 0;
          }
          pending.unshift(...node.target.split('/'));
        } else {
          done.push(segment);
        }
      }
    }
    return done.join('/');
  }

  /** The number of a user or group that the image knows by name. */
  numberOf(kind: 'user' | 'group', name: string): number | undefined {
    const text = this.names.get(kind === 'user' ? 'etc/passwd' : 'etc/group');
    const line = text?.split('\n').find(found => found.startsWith(`${name}:`));
    const number = line?.split(':')[2];
    return number && /^[0-9]+$/.test(number) ? Number(number) : undefined;
  }
}
