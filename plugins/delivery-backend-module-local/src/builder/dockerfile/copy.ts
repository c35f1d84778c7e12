import { open } from 'node:fs/promises';
import { posix } from 'node:path';
import {
  LayerEntry,
  safeSegments,
} from '@slipway/backstage-plugin-delivery-node';
import ignore from 'ignore';
import { ContextEntry } from '../context';
import { ImageTree } from './imageTree';
import { dockerfileError, Instruction } from './lines';
import { InstructionContext } from './runConfig';
import { atLine } from './stages';
import { expandWord, parseJsonWords, splitWords } from './words';

/** Archives that ADD would unpack, by their first bytes. */
const ARCHIVES: Array<{ offset: number; magic: Buffer }> = [
  { offset: 0, magic: Buffer.from([0x1f, 0x8b]) },
  { offset: 0, magic: Buffer.from('BZh') },
  { offset: 0, magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]) },
  { offset: 0, magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
  { offset: 257, magic: Buffer.from('ustar') },
];

async function isArchive(file: string): Promise<boolean> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.alloc(262),
      position: 0,
    });
    return ARCHIVES.some(({ offset, magic }) =>
      buffer
        .subarray(offset, Math.min(offset + magic.length, bytesRead))
        .equals(magic),
    );
  } finally {
    await handle.close();
  }
}

/** What one COPY or ADD reads from and writes to. */
export interface CopyRequest {
  instruction: Instruction;
  context: InstructionContext;
  /** Everything there is to copy from, sorted. */
  source: readonly ContextEntry[];
  /** "the build context" or "stage build", for messages. */
  sourceName: string;
  tree: ImageTree;
  /** The image's working directory, without the leading slash. */
  workingDirectory: string;
}

interface Ownership {
  uid?: number;
  gid?: number;
  mode?: number;
}

class Copier {
  private readonly words: string[];

  constructor(private readonly request: CopyRequest) {
    const { rest } = request.instruction;
    const { escape } = request.context;
    const words = parseJsonWords(rest) ?? splitWords(rest, escape);
    this.words = words.map(word => this.expand(word));
    if (this.words.length < 2) {
      throw this.fail('needs at least one source and a destination');
    }
  }

  private fail(message: string) {
    const { instruction, context } = this.request;
    return dockerfileError(
      context.file,
      instruction.line,
      `${instruction.keyword} ${message}`,
    );
  }

  private expand(word: string): string {
    const { instruction, context } = this.request;
    return atLine(context.file, instruction.line, () =>
      expandWord(word, context.variables, context.escape),
    );
  }

  async entries(): Promise<LayerEntry[]> {
    const sources = this.words.slice(0, -1);
    const destination = this.words[this.words.length - 1];
    const ownership = this.ownership();
    const matched = sources.flatMap(source => this.match(source));
    const isMany = sources.length > 1 || matched.length > 1;
    const target = this.target(destination);
    if (isMany && !target.isFolder) {
      throw this.fail(
        `has several sources, so the destination "${destination}" must end with a slash`,
      );
    }
    const written: LayerEntry[] = [];
    for (const found of matched) {
      written.push(...(await this.place(found, target, ownership)));
    }
    return written;
  }

  /** What a source means: itself, or what its wildcards match. */
  private match(text: string): ContextEntry[] {
    const { source, sourceName, instruction } = this.request;
    if (/^(?:https?|ftp|git|ssh):|^git@/i.test(text)) {
      throw this.fail(
        `takes "${text.slice(
          0,
          80,
        )}" from the network, which the embedded builder does not do; put the file into the context`,
      );
    }
    // In a context, a leading slash means the context's root.
    const cleaned = posix.normalize(`/${text}`).slice(1).replace(/\/+$/, '');
    if (
      text.split('/').includes('..') &&
      posix.normalize(text).startsWith('..')
    ) {
      throw this.fail(
        `takes "${text.slice(0, 80)}", which leads out of ${sourceName}`,
      );
    }
    if (cleaned === '') {
      return [{ type: 'directory', path: '', absolute: '' }];
    }
    const exact = source.find(({ path }) => path === cleaned);
    const depth = cleaned.split('/').length;
    const matches = exact
      ? [exact]
      : this.matchPattern(cleaned).filter(
          ({ path }) => path.split('/').length === depth,
        );
    if (matches.length === 0) {
      throw this.fail(
        `takes "${text.slice(0, 120)}", which ${sourceName} does not have${
          instruction.flags.some(({ name }) => name === 'from')
            ? ''
            : ' (or its .dockerignore leaves out)'
        }`,
      );
    }
    return matches;
  }

  private matchPattern(pattern: string): ContextEntry[] {
    if (!/[*?[]/.test(pattern)) {
      return [];
    }
    const matcher = ignore({ ignorecase: false }).add(`/${pattern}`);
    return this.request.source.filter(({ path }) => matcher.ignores(path));
  }

  private target(destination: string): { path: string; isFolder: boolean } {
    const { tree, workingDirectory } = this.request;
    const absolute = destination.startsWith('/')
      ? destination
      : posix.join('/', workingDirectory, destination);
    const normal = posix.normalize(`/${absolute}`).replace(/^\/+|\/+$/g, '');
    const path = tree.resolve(normal);
    safeSegments(path, this.request.context.file);
    return {
      path,
      isFolder: /(?:^|\/)\.{0,2}$/.test(destination) || tree.isFolder(path),
    };
  }

  private async place(
    found: ContextEntry,
    target: { path: string; isFolder: boolean },
    ownership: Ownership,
  ): Promise<LayerEntry[]> {
    const { source, tree } = this.request;
    if (found.type !== 'directory') {
      const path = target.isFolder
        ? posix.join(target.path, posix.basename(found.path))
        : target.path;
      await this.refuseArchive(found);
      return [this.toEntry(found, path, ownership)];
    }
    const prefix = found.path === '' ? '' : `${found.path}/`;
    const inside = source.filter(
      ({ path }) => path.startsWith(prefix) && path !== found.path,
    );
    const entries = inside.map(entry =>
      this.toEntry(
        entry,
        tree.resolve(
          posix.dirname(
            posix.join('/', target.path, entry.path.slice(prefix.length)),
          ),
        ),
        ownership,
        posix.basename(entry.path),
      ),
    );
    const folders = entries.filter(
      // Folders that the image has keep their mode and owner.
      entry => entry.type !== 'directory' || !tree.isFolder(entry.path),
    );
    return target.path === '' || tree.isFolder(target.path)
      ? folders
      : [{ type: 'directory', path: target.path, ...ownership }, ...folders];
  }

  private toEntry(
    entry: ContextEntry,
    folder: string,
    ownership: Ownership,
    name?: string,
  ): LayerEntry {
    const path = name === undefined ? folder : posix.join(folder, name);
    const { mode, ...owner } = ownership;
    switch (entry.type) {
      case 'directory':
        return {
          type: 'directory',
          path,
          ...owner,
          // A folder that may be read must be enterable.
          ...(mode !== undefined && { mode }),
        };
      case 'symlink':
        return { type: 'symlink', path, target: entry.target, ...owner };
      default:
        return {
          type: 'file',
          path,
          file: entry.absolute,
          size: entry.size,
          mode: mode ?? (entry.isExecutable ? 0o755 : 0o644),
          ...owner,
        };
    }
  }

  private async refuseArchive(entry: ContextEntry): Promise<void> {
    if (
      this.request.instruction.keyword === 'ADD' &&
      entry.type === 'file' &&
      (await isArchive(entry.absolute))
    ) {
      throw this.fail(
        `would unpack the archive "${entry.path}", which the embedded builder does not do; commit its content, or use COPY to keep it packed`,
      );
    }
  }

  private ownership(): Ownership {
    const { instruction } = this.request;
    const flag = (name: string) =>
      instruction.flags.find(found => found.name === name)?.value;
    const result: Ownership = {};
    const chmod = flag('chmod');
    if (chmod !== undefined) {
      const mode = this.expand(chmod);
      if (!/^0?[0-7]{3,4}$/.test(mode)) {
        throw this.fail(
          `--chmod is "${mode}"; the embedded builder reads octal modes such as 0755`,
        );
      }
      result.mode = parseInt(mode, 8);
    }
    const chown = flag('chown');
    if (chown !== undefined) {
      const [user, group] = this.expand(chown).split(':');
      result.uid = this.number('user', user);
      result.gid = group ? this.number('group', group) : result.uid;
    }
    return result;
  }

  private number(kind: 'user' | 'group', text: string): number {
    const found = /^[0-9]{1,9}$/.test(text)
      ? Number(text)
      : this.request.tree.numberOf(kind, text);
    if (found === undefined) {
      throw this.fail(
        `--chown names the ${kind} "${text}", which the image does not have; write its number`,
      );
    }
    return found;
  }
}

/**
 * What one COPY or ADD puts into the image.
 *
 * Errors: `InputError` with file and line.
 */
export async function copyEntries(request: CopyRequest): Promise<LayerEntry[]> {
  return new Copier(request).entries();
}
