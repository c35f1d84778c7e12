import { posix } from 'node:path';

/** A file that tells of packages that this scanner does not know. */
interface Sign {
  what: string;
  matches(path: string): boolean;
}

const hasName =
  (...names: string[]) =>
  (path: string) =>
    names.includes(posix.basename(path));

const SIGNS: Sign[] = [
  {
    what: 'operating system packages (Debian)',
    matches: path =>
      path === 'var/lib/dpkg/status' ||
      path.startsWith('var/lib/dpkg/status.d/'),
  },
  {
    what: 'operating system packages (Alpine)',
    matches: path =>
      path === 'lib/apk/db/installed' || path === 'usr/lib/apk/db/installed',
  },
  {
    what: 'operating system packages (RPM)',
    matches: path =>
      /^(?:var\/lib|usr\/lib(?:\/sysimage)?)\/rpm\/(?:Packages|rpmdb\.sqlite|Packages\.db)$/.test(
        path,
      ),
  },
  {
    what: 'Python packages',
    matches: path =>
      /\.(?:dist-info|egg-info)\/(?:METADATA|PKG-INFO)$/.test(path) ||
      /(?:^|\/)(?:requirements[^/]*\.txt|Pipfile\.lock|poetry\.lock|uv\.lock)$/.test(
        path,
      ),
  },
  { what: 'Go modules', matches: hasName('go.mod', 'go.sum') },
  {
    what: 'Java archives',
    matches: path =>
      /\.(?:jar|war|ear)$/.test(path) || hasName('pom.xml')(path),
  },
  {
    what: 'Ruby gems',
    matches: path => /\.gemspec$/.test(path) || hasName('Gemfile.lock')(path),
  },
  { what: 'Rust crates', matches: hasName('Cargo.lock') },
  { what: 'PHP packages', matches: hasName('composer.lock', 'installed.json') },
  { what: '.NET packages', matches: path => /\.deps\.json$/.test(path) },
];

/** What a file tells of that cannot be judged; `undefined`: nothing. */
export function signOf(path: string): string | undefined {
  return SIGNS.find(({ matches }) => matches(path))?.what;
}
