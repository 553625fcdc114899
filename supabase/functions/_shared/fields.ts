import { invalidRequest } from "./failure.ts";
import { isRecord } from "./text.ts";

type Check = (value: unknown) => boolean;

/** A field's check, and a description of the expected value. */
export interface Field {
  check: Check;
  expected: string;
}

export const text = (maximum: number): Field => ({
  check: (value) => typeof value === "string" && value.length > 0 && value.length <= maximum,
  expected: `text of 1 to ${maximum} characters`,
});

export const matching = (pattern: RegExp, expected: string): Field => ({
  check: (value) => typeof value === "string" && pattern.test(value),
  expected,
});

export const UUID = matching(
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  "a UUID",
);
export const NAME = matching(
  /^[a-z][a-z0-9_]{0,59}$/,
  "a name of lower-case letters, digits and _",
);
export const ACCOUNT = matching(
  /^\P{C}{1,100}$/u,
  "text of 1 to 100 characters without control characters",
);

/** Reads an object with known fields only; null counts as absent. `where` names the object in error messages. */
export function read(
  value: unknown,
  required: Record<string, Field>,
  optional: Record<string, Field>,
  where = "the body",
): Record<string, unknown> {
  if (!isRecord(value)) throw invalidRequest(`${where} must be a JSON object.`);
  const known = { ...required, ...optional };
  for (const name of Object.keys(value)) {
    if (!Object.hasOwn(known, name))
      throw invalidRequest(`${where} has an unknown field ${JSON.stringify(name.slice(0, 60))}.`);
  }
  const result: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(known)) {
    if (value[name] === undefined || value[name] === null) {
      if (Object.hasOwn(required, name))
        throw invalidRequest(`${where} needs \`${name}\`: ${field.expected}.`);
    } else if (field.check(value[name])) {
      result[name] = value[name];
    } else {
      throw invalidRequest(`\`${name}\` in ${where} must be ${field.expected}.`);
    }
  }
  return result;
}
