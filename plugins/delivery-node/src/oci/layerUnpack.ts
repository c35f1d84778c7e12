import { createWriteStream } from 'node:fs';
import {
  chmod,
  link,
  lstat,
  mkdir,
  readdir,
  rm,
  symlink,
} from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InputError, isError } from '@backstage/errors';
import { Header } from 'tar-stream';
import { OciLayout } from './layout';
import { OciManifest } from './manifest';
import { createUnpackBudget, readLayer, UnpackBudget } from './layerRead';
import {
  assertLinksStayInside,
  resolveInside,
  safeSegments,
} from './safePaths';

const WHITEOUT_PREFIX = '.wh.';
const OPAQUE_MARK = '.wh..wh..opq';

/** @public */
export interface UnpackOptions {
  maxBytes?: number;
  maxEntries?: number;
  signal?: AbortSignal;
  /**
   * What to do with a symbolic link to an absolute path, which means "from
   * the image's root" in a container but leads out of a plain folder:
   * `refuse` it (the default), or `rebase` it on the folder.
   */
  absoluteLinks?: 'refuse' | 'rebase';
}

/** The paths that the layer being unpacked has written itself. */
type Written = Set<string>;

async function lstatIfThere(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (isError(error) && error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

class LayerUnpacker {
  private readonly written: Written = new Set();

  constructor(
    private readonly root: string,
    private readonly where: string,
    private readonly options: UnpackOptions,
  ) {}

  async entry(header: Header, body: Readable): Promise<void> {
    const segments = safeSegments(header.name, this.where);
    if (segments.length === 0) {
      return;
    }
    const parent = await this.makeParents(segments.slice(0, -1));
    const name = segments[segments.length - 1];
    if (name === OPAQUE_MARK) {
      await this.removeLower(parent);
      return;
    }
    if (name.startsWith(WHITEOUT_PREFIX)) {
      await this.whiteout(parent, name.slice(WHITEOUT_PREFIX.length));
      return;
    }
    const path = join(parent, name);
    await this.write(path, header, body);
    this.mark(path);
  }

  private async write(
    path: string,
    header: Header,
    body: Readable,
  ): Promise<void> {
    switch (header.type) {
      case 'directory':
        await this.writeFolder(path, header);
        return;
      case 'file':
      case 'contiguous-file':
        await rm(path, { recursive: true, force: true });
        await pipeline(
          body,
          createWriteStream(path, { flags: 'wx', mode: this.mode(header) }),
        );
        // The umask may have taken bits away.
        await chmod(path, this.mode(header));
        return;
      case 'symlink':
        await this.writeSymlink(path, header);
        return;
      case 'link':
        await this.writeHardLink(path, header);
        return;
      default:
        throw new InputError(
          `${this.where} has the entry "${header.name}" of type "${header.type}"; only files, folders and links are unpacked`,
        );
    }
  }

  private async writeFolder(path: string, header: Header): Promise<void> {
    const found = await lstatIfThere(path);
    if (found && !found.isDirectory()) {
      await rm(path, { force: true });
    }
    await mkdir(path, { recursive: true });
    // A folder without rights for its owner could not be filled or removed.
    // eslint-disable-next-line no-bitwise
    await chmod(path, this.mode(header) | 0o700);
  }

  private async writeSymlink(path: string, header: Header): Promise<void> {
    let target = header.linkname ?? '';
    if (target === '' || target.includes('\0')) {
      throw new InputError(
        `${this.where} has the link "${header.name}" without a usable target`,
      );
    }
    if (target.startsWith('/')) {
      if (this.options.absoluteLinks !== 'rebase') {
        throw new InputError(
          `${this.where} has the link "${header.name}" to the absolute path "${target}", which leads out of the folder it is unpacked in`,
        );
      }
      const fromRoot = posix.normalize(target).slice(1);
      target =
        posix.relative(dirname(path), posix.join(this.root, fromRoot)) || '.';
    }
    await rm(path, { recursive: true, force: true });
    await symlink(target, path);
    // Other links may change what this one means; the whole tree is looked
    // at again when all layers are there.
    const relativeSegments = posix.relative(this.root, path).split('/');
    try {
      await resolveInside(
        this.root,
        relativeSegments,
        `${this.where}: link "${header.name}" -> "${target}"`,
      );
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  private async writeHardLink(path: string, header: Header): Promise<void> {
    const targetSegments = safeSegments(
      header.linkname ?? '',
      `${this.where}: hard link "${header.name}"`,
    );
    const target = await resolveInside(
      this.root,
      targetSegments,
      `${this.where}: hard link "${header.name}"`,
    );
    const found = await lstatIfThere(target);
    if (!found?.isFile()) {
      throw new InputError(
        `${this.where} has the hard link "${header.name}" to "${header.linkname}", which is no file of the image`,
      );
    }
    if (target === path) {
      return;
    }
    await rm(path, { recursive: true, force: true });
    await link(target, path);
  }

  private async makeParents(segments: string[]): Promise<string> {
    const parent = await resolveInside(this.root, segments, this.where);
    const relativeSegments = posix
      .relative(this.root, parent)
      .split('/')
      .filter(Boolean);
    let path = this.root;
    for (const segment of relativeSegments) {
      path = join(path, segment);
      const found = await lstatIfThere(path);
      if (found && !found.isDirectory()) {
        await rm(path, { force: true });
      }
      if (!found?.isDirectory()) {
        await mkdir(path, { mode: 0o755 });
      }
    }
    return parent;
  }

  private async whiteout(parent: string, name: string): Promise<void> {
    if (name === '' || name === '.' || name === '..') {
      throw new InputError(
        `${this.where} has the whiteout ".wh.${name}", which names nothing`,
      );
    }
    const path = join(parent, name);
    const found = await lstatIfThere(path);
    if (!found) {
      return;
    }
    if (found.isDirectory() && this.written.has(path)) {
      await this.removeLower(path);
    } else if (!this.written.has(path)) {
      await rm(path, { recursive: true, force: true });
    }
  }

  /** Whiteouts hide lower layers only, whatever their place in the archive. */
  private async removeLower(folder: string): Promise<void> {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (!this.written.has(path)) {
        await rm(path, { recursive: true, force: true });
      } else if (entry.isDirectory()) {
        await this.removeLower(path);
      }
    }
  }

  private mark(path: string): void {
    let current = path;
    while (current !== this.root && !this.written.has(current)) {
      this.written.add(current);
      current = dirname(current);
    }
  }

  private mode(header: Header): number {
    // Set-user-id and sticky bits have no business in a plain folder.
    // eslint-disable-next-line no-bitwise
    return (header.mode ?? 0o644) & 0o777;
  }
}

/**
 * Lays one layer's archive over the folder `root`, as the image specification
 * says (layer.md), whiteouts included. Owners and times are not restored.
 *
 * Errors: `InputError` for names that lead out, devices, and archives that
 * are broken or beyond the budget. The folder is then in an unknown state and
 * must be thrown away.
 *
 * @public
 */
export async function unpackLayer(
  source: Readable,
  root: string,
  options: UnpackOptions & {
    mediaType: string;
    budget: UnpackBudget;
    where: string;
  },
): Promise<void> {
  const unpacker = new LayerUnpacker(root, options.where, options);
  await readLayer(source, options, (header, body) =>
    unpacker.entry(header, body),
  );
}

/**
 * Unpacks all layers of an image, verified, into the empty folder `root`.
 *
 * Errors: as {@link unpackLayer}; `DigestMismatchError` when the layout's
 * bytes are not what the manifest says. Nothing in the folder may be used
 * after an error.
 *
 * @public
 */
export async function unpackImage(
  layout: OciLayout,
  manifest: OciManifest,
  root: string,
  options: UnpackOptions = {},
): Promise<void> {
  const budget = createUnpackBudget(options);
  for (const layer of manifest.layers) {
    await layout.verifyBlob(layer, options.signal);
    await unpackLayer(layout.blobStream(layer), root, {
      ...options,
      mediaType: layer.mediaType,
      budget,
      where: `Layer ${layer.digest}`,
    });
  }
  await assertLinksStayInside(root, 'The image');
}
