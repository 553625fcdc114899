// Documents made from the JSON schema of the Atlassian Document Format, each from a number, so that the same number gives the same
// document. Every text has a word that no other has, by which a test can edit it.

const WORDS = [
  "two words",
  " ",
  "日本語。",
  "「重要」",
  "é",
  "*",
  "**",
  "_",
  "~~",
  "`",
  "[",
  "]",
  "](x)",
  "<b>",
  "&amp;",
  "\\",
  "|",
  "#",
  "- ",
  "1. ",
  "https://x.y/__a__?b=1&amp;c=2",
  "www.x.y",
  "me@x.y",
  "std::vector<std::string>",
  "f(**a) g(**b)",
];

export class Documents {
  constructor(schema) {
    this.definitions = schema.definitions;
    this.depths = new Map();
  }

  /** The document of a number. */
  document(seed) {
    this.state = BigInt(seed) * 0x9e3779b97f4a7c15n + 1n;
    this.count = 0;
    const document = this.value({ $ref: "#/definitions/doc_node" }, "", 0);
    return { type: "doc", version: 1, content: document.content ?? [] };
  }

  /** A number below a bound (SplitMix64). */
  below(bound) {
    const mask = 0xffffffffffffffffn;
    this.state = (this.state + 0x9e3779b97f4a7c15n) & mask;
    let mixed = this.state;
    mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & mask;
    return Number((mixed ^ (mixed >> 31n)) % BigInt(bound));
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  resolved(schema) {
    if (schema.$ref) return this.resolved(this.definitions[schema.$ref.split("/").at(-1)]);
    if (schema.allOf) return schema.allOf.map((part) => this.resolved(part)).reduce(both);
    return schema;
  }

  value(schema, name, depth) {
    const resolved = this.resolved(schema);
    if (resolved.anyOf) {
      const shortest = Math.min(...resolved.anyOf.map((one) => this.depth(one)));
      const deep = (one) => depth + this.depth(one) > 14 && this.depth(one) > shortest;
      return this.value(this.pick(resolved.anyOf.filter((one) => !deep(one))), name, depth);
    }
    if (resolved.enum) return this.pick(resolved.enum);
    switch (Array.isArray(resolved.type) ? resolved.type[0] : resolved.type) {
      case "object":
        return this.object(resolved, depth);
      case "array":
        return this.array(resolved, name, depth);
      case "string":
        return this.text(resolved, name);
      case "number":
      case "integer":
        return (
          (resolved.minimum ?? 0) +
          this.below(Math.min((resolved.maximum ?? 1000) - (resolved.minimum ?? 0), 1000) + 1)
        );
      case "boolean":
        return this.below(2) === 0;
      case "null":
        return null;
      default:
        return { [`key${this.below(9)}`]: "value" };
    }
  }

  object(schema, depth) {
    const required = new Set(schema.required ?? []);
    const entries = Object.entries(schema.properties ?? {})
      .filter(([name]) => required.has(name) || name === "content" || this.below(2) === 0)
      .map(([name, property]) => [name, this.value(property, name, depth + 1)])
      // The schema lets marks be empty where it means that there are none.
      .filter(([name, value]) => name !== "marks" || value.length > 0);
    return Object.fromEntries(entries);
  }

  array(schema, name, depth) {
    const least = schema.minItems ?? 0;
    const most = Math.min(schema.maxItems ?? least + 3, least + 3);
    if (!schema.items || most === 0) return [];
    const count = least + this.below(most - least + 1);
    const items = Array.isArray(schema.items) ? schema.items : [schema.items];
    const values = Array.from({ length: count }, (_, at) =>
      this.value(items[Math.min(at, items.length - 1)], name, depth + 1),
    );
    if (name !== "marks") return values;
    // A node has one mark of a kind.
    return values.filter((mark, at) => values.findIndex(({ type }) => type === mark.type) === at);
  }

  text(schema, name) {
    if (schema.pattern?.includes("#")) return "#ff5630";
    if (name === "href" || name === "url") return `https://x.y/${this.below(3)}`;
    if (name === "timestamp") return "1732233600000";
    this.count += 1;
    if (name !== "text") return `${name}${this.below(5)}`;
    return `${this.pick(WORDS)} w${this.count}x ${this.pick(WORDS)}`;
  }

  /** How deep a value of a schema is at the least. */
  depth(schema) {
    const key = schema.$ref;
    if (!key) return this.depthOf(schema);
    if (!this.depths.has(key)) {
      this.depths.set(key, 99);
      for (let before = 99, now = 98; now !== before; ) {
        before = now;
        now = this.depthOf(this.resolved(schema));
        this.depths.set(key, now);
      }
    }
    return this.depths.get(key);
  }

  depthOf(schema) {
    if (schema.$ref) return this.depth(schema);
    if (schema.allOf) return this.depthOf(this.resolved(schema));
    if (schema.anyOf) return Math.min(...schema.anyOf.map((one) => this.depth(one)));
    if (schema.type === "object") {
      const needed = [...(schema.required ?? []), "content"];
      const parts = needed.map((name) => schema.properties?.[name]).filter(Boolean);
      return 1 + Math.max(0, ...parts.map((part) => this.depth(part)));
    }
    if (schema.type === "array" && schema.minItems > 0 && schema.items) {
      return 1 + this.depth([schema.items].flat()[0]);
    }
    return 1;
  }
}

/** What fits both of two schemas. */
function both(one, other) {
  const properties = { ...one.properties };
  for (const [name, property] of Object.entries(other.properties ?? {})) {
    properties[name] = properties[name] ? { allOf: [properties[name], property] } : property;
  }
  const merged = { ...one, ...other, properties };
  if (one.required || other.required) {
    merged.required = [...new Set([...(one.required ?? []), ...(other.required ?? [])])];
  }
  if (one.items || other.items) merged.items = other.items ?? one.items;
  if (one.maxItems !== undefined && other.maxItems !== undefined) {
    merged.maxItems = Math.min(one.maxItems, other.maxItems);
  }
  return merged;
}
