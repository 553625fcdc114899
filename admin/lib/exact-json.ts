/** `JSON` with source text access (ECMAScript 2026), which TypeScript does not declare yet. */
const exact = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
};

/** Parses JSON and keeps numbers exact: `JSON.stringify` writes them as in the text, also beyond 2^53. */
export const parseExact = (text: string): unknown =>
  exact.parse(text, (_, value, { source }) =>
    typeof value === "number" && source !== undefined && source !== String(value)
      ? exact.rawJSON(source)
      : value,
  );
