// Writes tests/vendors/<module>.json: what the services' own API descriptions say of the requests of declarative tools.
// Without texts: only names, types, enums, bounds, lengths and what is required.
//
//   node scripts/vendor-tables.mjs <folder>
//
// The folder holds the descriptions as JSON or gzip: jira-platform-v3, jira-software, jira-service-management, confluence-v1,
// confluence-v2, notion, supabase-management, google-calendar-v3.discovery, microsoft-graph-todo, and api.github.com of the npm
// package @octokit/openapi. One that is missing leaves its table as it is.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const MODULES = {
  github: [{ file: "api.github.com", prefix: "" }],
  notion: [{ file: "notion", prefix: "" }],
  jira: [
    { file: "jira-platform-v3", prefix: "" },
    { file: "jira-software", prefix: "" },
    { file: "jira-service-management", prefix: "" },
  ],
  confluence: [
    { file: "confluence-v2", prefix: "/wiki/api/v2" },
    { file: "confluence-v1", prefix: "" },
  ],
  google_calendar: [{ file: "google-calendar-v3.discovery", prefix: "" }],
  microsoft_todo: [{ file: "microsoft-graph-todo", prefix: "" }],
  supabase: [{ file: "supabase-management", prefix: "" }],
};

const MAX_DEPTH = 3;

const folder = process.argv[2];
if (!folder) {
  console.error("Give the folder of the descriptions.");
  process.exit(2);
}

function read(name) {
  for (const path of [join(folder, `${name}.json`), join(folder, `${name}.json.gz`)]) {
    if (existsSync(path)) {
      const bytes = readFileSync(path);
      return JSON.parse(path.endsWith(".gz") ? gunzipSync(bytes) : bytes);
    }
  }
  return null;
}

/** The operations of a description: method, path, parameters, schema of the body. */
function operations(description, prefix) {
  return description.resources
    ? discoveryOperations(description, description.resources)
    : Object.entries(description.paths).flatMap(([path, item]) =>
        Object.entries(item)
          .filter(([method]) => ["get", "put", "post", "delete", "patch"].includes(method))
          .map(([method, operation]) =>
            openApiOperation(description, prefix, path, item, method, operation),
          ),
      );
}

function openApiOperation(description, prefix, path, item, method, operation) {
  const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(
    (parameter) => resolved(description, parameter),
  );
  const content = resolved(description, operation.requestBody)?.content ?? {};
  const json = Object.entries(content).find(([type]) => type.includes("json"))?.[1];
  return {
    method: method.toUpperCase(),
    path: prefix + path.replace(/^\/v1\.0\//, "/"),
    query: parameters.filter((parameter) => parameter.in === "query"),
    body: json ? table(description, json.schema, 0) : null,
    resolve: (schema) => table(description, schema, 1),
  };
}

function discoveryOperations(description, resources) {
  return Object.values(resources).flatMap((resource) => [
    ...Object.values(resource.methods ?? {}).map((method) => {
      const schemas = Object.fromEntries(Object.entries(description.schemas));
      const document = { components: { schemas } };
      const query = Object.entries({ ...description.parameters, ...method.parameters })
        .filter(([, parameter]) => parameter.location === "query")
        .map(([name, parameter]) => ({
          name,
          required: parameter.required,
          schema: discoverySchema(parameter),
        }));
      return {
        method: method.httpMethod,
        path: `/${method.path}`,
        query,
        body: method.request ? table(document, discoveryRef(method.request), 0) : null,
        resolve: (schema) => table(document, schema, 1),
      };
    }),
    ...discoveryOperations(description, resource.resources ?? {}),
  ]);
}

function discoveryRef(schema) {
  return schema.$ref ? { $ref: `#/components/schemas/${schema.$ref}` } : schema;
}

/** A parameter's schema; one that repeats is a list. */
function discoverySchema(parameter) {
  const number = (value) => (value === undefined ? undefined : Number(value));
  const schema = {
    ...parameter,
    required: undefined,
    minimum: number(parameter.minimum),
    maximum: number(parameter.maximum),
  };
  return parameter.repeated ? { type: "array", items: schema } : schema;
}

function resolved(description, value) {
  let found = value;
  for (let steps = 0; steps < 8 && found?.$ref; steps += 1) {
    const reference = found.$ref;
    found = reference.startsWith("#")
      ? reference
          .slice(2)
          .split("/")
          .reduce((part, name) => part?.[decodeURIComponent(name).replace("~1", "/")], description)
      : description.components?.schemas?.[reference];
  }
  return found;
}

/** What a schema says, in short; an empty object says nothing. */
function table(description, value, depth) {
  const schema = resolved(description, value);
  if (!schema || depth > MAX_DEPTH) {
    return {};
  }
  const options = (schema.oneOf ?? schema.anyOf ?? [])
    .map((option) => resolved(description, option))
    .filter((option) => option && option.type !== "null");
  const short = {};
  const types = [schema.type].flat().filter((type) => type && type !== "null");
  if (types.length === 1) {
    short.type = types[0];
  }
  if ([schema.type].flat().includes("null") || schema.nullable) {
    short.nullable = true;
  }
  const values = schema.const === undefined ? schema.enum : [schema.const];
  if (values) {
    short.enum = values.filter((one) => one !== null);
  }
  for (const name of ["minimum", "maximum", "maxLength", "maxItems"]) {
    if (typeof schema[name] === "number" && Math.abs(schema[name]) < 2 ** 31 - 1) {
      short[name] = schema[name];
    }
  }
  if (schema.items) {
    short.items = table(description, schema.items, depth + 1);
  }
  const parts = [schema, ...(schema.allOf ?? []).map((part) => resolved(description, part) ?? {})];
  const properties = Object.assign({}, ...parts.map((part) => part.properties ?? {}));
  const required = parts.flatMap((part) => (Array.isArray(part.required) ? part.required : []));
  if (options.length > 0) {
    short.any = options.map((option) => table(description, option, depth + 1));
  }
  if (Object.keys(properties).length > 0) {
    short.type ??= "object";
    short.properties = Object.fromEntries(
      Object.entries(properties)
        .filter(([, property]) => !resolved(description, property)?.readOnly)
        .map(([name, property]) => [name, table(description, property, depth + 1)]),
    );
  }
  if (required.length > 0) {
    short.required = [...new Set(required)];
  }
  return short;
}

/** The paths of a tool with the values of its choices, each with the arguments that lead there. */
function paths(tool) {
  let found = [{ path: tool.request.path, when: {} }];
  for (const [name, param] of Object.entries(tool.params ?? {})) {
    if (param.in === "path" && param.enum) {
      const place = `{${param.as ?? name}}`;
      found = found.flatMap(({ path, when }) =>
        param.enum.map((value) => ({
          path: path.replace(place, value),
          when: { ...when, [name]: value },
        })),
      );
    }
  }
  return found;
}

const shape = (path) => path.replace(/\{[^}]*\}/g, "{}").replace(/\/$/, "");

/** Only those members of a body that the tool sends, and what is required. */
function sent(tool, body) {
  if (!body?.properties) {
    return body ?? undefined;
  }
  const names = new Set(Object.keys(tool.request.body ?? {}));
  for (const [name, param] of Object.entries(tool.params ?? {})) {
    if (param.in === "body") {
      names.add((param.as ?? name).split(".")[0]);
    }
  }
  const properties = Object.entries(body.properties).filter(
    ([name]) => names.has(name) || body.required?.includes(name),
  );
  return { ...body, properties: Object.fromEntries(properties), any: undefined };
}

mkdirSync("tests/vendors", { recursive: true });
for (const [module, sources] of Object.entries(MODULES)) {
  const known = new Map();
  let missing = false;
  for (const { file, prefix } of sources) {
    const description = read(file);
    missing ||= !description;
    for (const operation of description ? operations(description, prefix) : []) {
      const key = `${operation.method} ${shape(operation.path)}`;
      if (!known.has(key)) {
        known.set(key, operation);
      }
    }
  }
  if (missing) {
    console.error(`${module}: a description is missing; its table stays.`);
    continue;
  }
  const { tools } = JSON.parse(readFileSync(`src/modules/${module}/module.json`, "utf8"));
  const tables = {};
  for (const tool of tools.filter((one) => one.request && !one.request.graphql)) {
    const isWhole = known.has(`${tool.request.method} ${shape(tool.request.path)}`);
    const places = isWhole ? [{ path: tool.request.path, when: {} }] : paths(tool);
    tables[tool.name] = places.map(({ path, when }) => {
      const operation = known.get(`${tool.request.method} ${shape(path)}`);
      if (!operation) {
        return { when, unknown: true };
      }
      const query = Object.fromEntries(
        operation.query.map((one) => [
          one.name,
          { ...operation.resolve(one.schema ?? one), ...(one.required ? { must: true } : {}) },
        ]),
      );
      return { when, query, body: sent(tool, operation.body) };
    });
  }
  const lines = Object.entries(tables).map(
    ([name, table]) => `  ${JSON.stringify(name)}: ${JSON.stringify(table)}`,
  );
  writeFileSync(`tests/vendors/${module}.json`, `{\n${lines.join(",\n")}\n}\n`);
  const unknown = Object.entries(tables).filter(([, table]) => table.some((one) => one.unknown));
  console.log(
    `${module}: ${lines.length} tools; not described: ${unknown.map(([name]) => name).join(", ") || "none"}`,
  );
}
