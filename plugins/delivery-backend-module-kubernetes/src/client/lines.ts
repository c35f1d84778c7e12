const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Whole lines of a byte stream, without their ends; a last one without end too. */
export async function* readLines(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of stream) {
    rest += decoder.decode(bytes, { stream: true });
    let from = 0;
    for (let to = rest.indexOf('\n'); to >= 0; to = rest.indexOf('\n', from)) {
      if (to > from) {
        yield rest.slice(from, to);
      }
      from = to + 1;
    }
    rest = rest.slice(from);
    if (rest.length > MAX_LINE_BYTES) {
      throw new Error(`a line of more than ${MAX_LINE_BYTES} bytes`);
    }
  }
  rest += decoder.decode();
  if (rest) {
    yield rest;
  }
}
