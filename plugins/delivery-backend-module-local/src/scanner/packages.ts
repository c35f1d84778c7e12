import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { InputError } from '@backstage/errors';
import {
  createUnpackBudget,
  OciLayout,
  OciManifest,
  readLayer,
  safeSegments,
} from '@slipway/backstage-plugin-delivery-node';
import { signOf } from './signs';

const PACKAGE_JSON_MAX_BYTES = 1024 * 1024;

/** An npm package that lies in an image. */
export interface FoundPackage {
  name: string;
  version: string;
  /** Where its folder is in the image. */
  path: string;
  license?: string;
}

/** What an image holds, as far as it can be told. */
export interface ImageInventory {
  packages: FoundPackage[];
  /** What was seen and cannot be judged. */
  notCovered: string[];
}

type Content =
  | { type: 'package'; found?: FoundPackage; problem?: string }
  | { type: 'sign'; what: string }
  | { type: 'executable' };

async function readText(body: Readable, path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > PACKAGE_JSON_MAX_BYTES) {
      throw new InputError(
        `The image has a package.json of more than ${PACKAGE_JSON_MAX_BYTES} bytes: ${path}`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readPackage(text: string, path: string): Content {
  const folder = posix.dirname(path);
  let value: { name?: unknown; version?: unknown; license?: unknown };
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, '')) ?? {};
  } catch (error) {
    return {
      type: 'package',
      problem: `npm package at ${folder}: its package.json is not JSON`,
    };
  }
  const { name, version, license } = value;
  if (typeof name !== 'string' || name === '') {
    // A folder inside a package may have one to say "these are modules".
    return isPackageRoot(folder)
      ? {
          type: 'package',
          problem: `npm package at ${folder}: its package.json has no name`,
        }
      : { type: 'package' };
  }
  if (typeof version !== 'string' || version === '') {
    return isPackageRoot(folder)
      ? {
          type: 'package',
          problem: `npm package ${name} at ${folder}: no version`,
        }
      : { type: 'package' };
  }
  return {
    type: 'package',
    found: {
      name,
      version,
      path: folder,
      ...(typeof license === 'string' && { license }),
    },
  };
}

/** `.../node_modules/name` and `.../node_modules/@scope/name`. */
function isPackageRoot(folder: string): boolean {
  return /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/@.][^/]*$/.test(folder);
}

function isMagic(first: Buffer): boolean {
  return (
    first.subarray(0, 4).equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46])) ||
    first.subarray(0, 2).equals(Buffer.from('MZ'))
  );
}

async function firstBytes(body: Readable): Promise<Buffer> {
  for await (const chunk of body) {
    return chunk;
  }
  return Buffer.alloc(0);
}

/** The files of an image that matter here, layer over layer. */
class Inventory {
  private readonly contents = new Map<string, Content>();

  async entry(
    path: string,
    added: Set<string>,
    header: { type?: string | null; mode?: number; size?: number },
    body: Readable,
  ): Promise<void> {
    const name = posix.basename(path);
    const folder = posix.dirname(path);
    if (name === '.wh..wh..opq') {
      this.remove(folder, added, false);
      return;
    }
    if (name.startsWith('.wh.')) {
      this.remove(posix.join(folder, name.slice('.wh.'.length)), added, true);
      return;
    }
    added.add(path);
    if (header.type === 'symlink') {
      this.remove(path, added, false);
    }
    // What was here before is replaced, whatever comes now.
    this.contents.delete(path);
    if (header.type !== 'file') {
      return;
    }
    const content = await this.look(path, header, body);
    if (content) {
      this.contents.set(path, content);
    }
  }

  private async look(
    path: string,
    header: { mode?: number; size?: number },
    body: Readable,
  ): Promise<Content | undefined> {
    if (/(?:^|\/)node_modules\/.*\/package\.json$/.test(`/${path}`)) {
      return readPackage(await readText(body, path), path);
    }
    const what = signOf(path);
    if (what) {
      return { type: 'sign', what };
    }
    // eslint-disable-next-line no-bitwise
    const isExecutable = ((header.mode ?? 0) & 0o111) !== 0;
    const isInPackage = path.includes('node_modules/');
    if (
      (isExecutable || /\.(?:node|so|exe|dll)(?:\.\d+)*$/.test(path)) &&
      !isInPackage &&
      isMagic(await firstBytes(body))
    ) {
      return { type: 'executable' };
    }
    return undefined;
  }

  private remove(path: string, kept: Set<string>, itself: boolean): void {
    const prefix = path === '.' ? '' : `${path}/`;
    for (const found of [...this.contents.keys()]) {
      if (
        (found.startsWith(prefix) || (itself && found === path)) &&
        !kept.has(found)
      ) {
        this.contents.delete(found);
      }
    }
  }

  result(): ImageInventory {
    const packages: FoundPackage[] = [];
    const notCovered = new Set<string>();
    let executables = 0;
    for (const content of this.contents.values()) {
      if (content.type === 'package') {
        if (content.found) {
          packages.push(content.found);
        }
        if (content.problem) {
          notCovered.add(content.problem);
        }
      } else if (content.type === 'sign') {
        notCovered.add(content.what);
      } else {
        executables += 1;
      }
    }
    const hasSystem = [...notCovered].some(what =>
      what.startsWith('operating system packages'),
    );
    if (!hasSystem) {
      notCovered.add(
        'operating system packages (no supported package database found)',
      );
    }
    if (executables > 0) {
      notCovered.add(
        `${executables} native programs or libraries (Go, Rust, C and others)`,
      );
    }
    return {
      packages: packages.sort((a, b) => (a.path < b.path ? -1 : 1)),
      notCovered: [...notCovered].sort(),
    };
  }
}

/**
 * Reads the layers of an image, verified and within limits, and lists the npm
 * packages that are visible in the end.
 *
 * Errors: `InputError` for broken layers, `DigestMismatchError`.
 */
export async function readInventory(
  layout: OciLayout,
  manifest: OciManifest,
  signal: AbortSignal,
): Promise<ImageInventory> {
  const inventory = new Inventory();
  const budget = createUnpackBudget();
  for (const layer of manifest.layers) {
    const where = `Layer ${layer.digest}`;
    const added = new Set<string>();
    await layout.verifyBlob(layer, signal);
    await readLayer(
      layout.blobStream(layer),
      { mediaType: layer.mediaType, budget, where, signal },
      (header, body) =>
        inventory.entry(
          safeSegments(header.name, where).join('/'),
          added,
          header,
          body,
        ),
    );
  }
  return inventory.result();
}
