import {
  DefinitionModel,
  DefinitionProblem,
  KnownMetric,
} from '@slipway/backstage-plugin-delivery-common';
import { Abilities, checkConnections } from './connectionRules';
import {
  complaintsOf,
  describeValue,
  didYouMean,
  toProblems,
} from './problems';
import { DefinitionVersion, VERSIONS } from './versions';
import { Path, Position, readYaml, YamlDocument } from './yamlText';

export interface ParseDefinitionOptions {
  /** For messages: the file's path in its repository. */
  file: string;
  /** The component's name in the catalog. */
  name: string;
  /** Names of the platform's environments, in promotion order. */
  environments: string[];
  /** Metrics that the platform knows beside those that everybody knows. */
  metrics?: readonly KnownMetric[];
  /**
   * By environment: what it asks for and its connection cannot do is a problem
   * too. What is not here, or has not started, is not looked at.
   */
  connections?: ReadonlyMap<string, Abilities>;
}

export interface ParsedDefinition {
  /** Absent when there are problems. */
  model?: DefinitionModel;
  /** Everything that is wrong, in the order of the file. */
  problems: DefinitionProblem[];
  /** Where something stands in the file, for problems that show up later. */
  locate: (path: Path) => Partial<Position>;
}

/**
 * Reads a service's document of a `delivery.yaml`. Never throws for what the
 * file says: everything that is wrong is a problem with its place.
 */
export function parseDefinition(
  text: string,
  options: ParseDefinitionOptions,
): ParsedDefinition {
  const { file, name, environments, metrics, connections } = options;
  const { documents, problems } = readYaml(text);
  if (problems.length > 0) {
    return failed(problems.map(problem => ({ file, ...problem })));
  }
  const chosen = chooseDocument(documents, options);
  if ('problems' in chosen) {
    return failed(chosen.problems);
  }
  const { document } = chosen;
  const locate = (path: Path) => document.locate(path);
  const { value } = document;
  const version = chooseVersion(value);
  if (!version) {
    const [newest] = VERSIONS;
    const found = fieldOf(value, 'apiVersion');
    return {
      locate,
      problems: toProblems(file, document, [
        {
          path: ['apiVersion'],
          expected: `one of ${VERSIONS.map(known => known.apiVersion).join(
            ', ',
          )}`,
          found: describeValue(found),
          hint:
            (typeof found === 'string'
              ? didYouMean(found, [newest.apiVersion])
              : undefined) ?? `Write \`apiVersion: ${newest.apiVersion}\`.`,
        },
      ]),
    };
  }
  const checked = version.schema.safeParse(value);
  const complaints = checked.success
    ? []
    : complaintsOf(checked.error, version.schema, value);
  const converted = version.convert(value, { name, environments, metrics });
  if ('complaints' in converted) {
    complaints.push(...converted.complaints);
  } else if (complaints.length === 0) {
    const { model } = converted;
    complaints.push(
      ...checkConnections(model, connections ?? new Map(), (ref, field) =>
        version.placeOf(value, ref, field),
      ),
    );
    if (complaints.length === 0) {
      return { model, problems: [], locate };
    }
  }
  return { problems: toProblems(file, document, complaints), locate };
}

function failed(problems: DefinitionProblem[]): ParsedDefinition {
  return { problems, locate: () => ({}) };
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Reflect.get(value, key)
    : undefined;
}

function nameOf(document: YamlDocument): string | undefined {
  const name = fieldOf(fieldOf(document.value, 'metadata'), 'name');
  return typeof name === 'string' ? name : undefined;
}

function chooseVersion(value: unknown): DefinitionVersion | undefined {
  const apiVersion = fieldOf(value, 'apiVersion');
  return VERSIONS.find(version => version.apiVersion === apiVersion);
}

/** A bad document of another service is not this one's problem. */
function chooseDocument(
  documents: YamlDocument[],
  { file, name }: ParseDefinitionOptions,
): { document: YamlDocument } | { problems: DefinitionProblem[] } {
  const [first] = documents;
  if (!first) {
    return {
      problems: [
        {
          file,
          line: 1,
          column: 1,
          expected: 'a delivery definition',
          found: 'an empty file',
          hint: `Begin with \`apiVersion: ${VERSIONS[0].apiVersion}\`.`,
        },
      ],
    };
  }
  const named = documents.filter(document => nameOf(document) === name);
  if (named.length === 1 || (documents.length === 1 && isUnnamed(first))) {
    const [document] = named.length === 1 ? named : [first];
    if (document.problems.length > 0) {
      return { problems: withFile(file, document) };
    }
    if (typeof document.value !== 'object' || Array.isArray(document.value)) {
      return {
        problems: toProblems(file, document, [
          {
            path: [],
            expected: 'a map of fields',
            found: describeValue(document.value),
            hint: `Begin with \`apiVersion: ${VERSIONS[0].apiVersion}\`.`,
          },
        ]),
      };
    }
    return { document };
  }
  if (named.length > 1) {
    return {
      problems: named.slice(1).flatMap(document =>
        toProblems(file, document, [
          {
            path: ['metadata', 'name'],
            expected: 'one document for each component',
            found: `"${name}" a second time`,
          },
        ]),
      ),
    };
  }
  // The document that is ours may be the one that cannot be read.
  const broken = documents.flatMap(document => withFile(file, document));
  if (broken.length > 0) {
    return { problems: broken };
  }
  const names = documents.flatMap(document => nameOf(document) ?? []);
  return {
    problems: toProblems(file, first, [
      {
        path: ['metadata', 'name'],
        expected: `a document with \`metadata: { name: ${name} }\``,
        found:
          names.length > 0
            ? `documents for ${names.join(', ')}`
            : `${documents.length} documents without a name`,
        hint: didYouMean(name, names),
      },
    ]),
  };
}

function isUnnamed(document: YamlDocument): boolean {
  const metadata = fieldOf(document.value, 'metadata');
  return typeof fieldOf(metadata, 'name') !== 'string';
}

function withFile(file: string, document: YamlDocument): DefinitionProblem[] {
  return document.problems.map(problem => ({ file, ...problem }));
}
