import { dockerfileError, Instruction } from './lines';
import { Stage } from './stages';

const SUPPORTED = new Set([
  'ADD',
  'ARG',
  'CMD',
  'COPY',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'HEALTHCHECK',
  'LABEL',
  'MAINTAINER',
  'SHELL',
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
]);

const FLAGS: Record<string, string[]> = {
  ADD: ['chown', 'chmod', 'link'],
  COPY: ['chown', 'chmod', 'link', 'from'],
  HEALTHCHECK: [
    'interval',
    'timeout',
    'start-period',
    'start-interval',
    'retries',
  ],
};

function reason(instruction: Instruction): string | undefined {
  const { keyword, flags, hasHeredoc, rest } = instruction;
  if (keyword === 'RUN') {
    return 'RUN needs a container, which the embedded builder has not; commit or copy what it makes, start from a base image that has it, or let BuildKit or Docker build this image';
  }
  if (keyword === 'ONBUILD') {
    return 'ONBUILD is not supported by the embedded builder; write the instructions into the Dockerfiles that use this image';
  }
  if (!SUPPORTED.has(keyword)) {
    return `${keyword} is not an instruction`;
  }
  const unknown = flags.find(
    ({ name }) => !(FLAGS[keyword] ?? []).includes(name),
  );
  // A command may begin with dashes of its own.
  if (unknown && !['CMD', 'ENTRYPOINT'].includes(keyword)) {
    return `${keyword} --${
      unknown.name
    } is not supported by the embedded builder; supported: ${
      (FLAGS[keyword] ?? []).map(name => `--${name}`).join(', ') || 'no options'
    }`;
  }
  if (hasHeredoc) {
    return `${keyword} with text in the Dockerfile (<<) is not supported by the embedded builder; put it into a file of the context`;
  }
  if (rest === '' && keyword !== 'MAINTAINER') {
    return `${keyword} needs arguments`;
  }
  return undefined;
}

/** Errors: `InputError` with file and line for what cannot be built here. */
export function assertSupported(stages: readonly Stage[], file: string): void {
  for (const { instructions } of stages) {
    for (const instruction of instructions) {
      const why = reason(instruction);
      if (why) {
        throw dockerfileError(file, instruction.line, why);
      }
    }
  }
}
