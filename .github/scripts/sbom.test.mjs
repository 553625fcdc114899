import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { run } from "./fake.mjs";

const script = new URL("sbom.mjs", import.meta.url);
const lock = new URL("../../Cargo.lock", import.meta.url).pathname;
const metadata = execFileSync(
  "cargo",
  [
    "metadata",
    "--locked",
    "--offline",
    "--format-version",
    "1",
    "--filter-platform",
    "x86_64-unknown-linux-musl",
  ],
  { cwd: new URL("../..", import.meta.url), maxBuffer: 1 << 28, encoding: "utf8" },
);

test("the bill of materials names every crate of the binary and none of the tests", async () => {
  const { code, output } = await run(script, {}, { input: metadata, args: [lock] });
  assert.equal(code, 0, output);
  const { bomFormat, serialNumber, metadata: about, components, dependencies } = JSON.parse(output);
  assert.equal(bomFormat, "CycloneDX");
  assert.match(
    serialNumber,
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.equal(about.component.name, "mcpist");
  const names = components.map(({ name }) => name);
  for (const name of ["ring", "rustls", "serde_json", "ureq"])
    assert.ok(names.includes(name), name);
  for (const { name, hashes, licenses, purl } of components) {
    assert.match(hashes?.[0].content ?? "", /^[0-9a-f]{64}$/, name);
    assert.ok(licenses?.[0].expression, name);
    assert.ok(purl.startsWith(`pkg:cargo/${name}@`), purl);
  }
  const refs = new Set([about.component, ...components].map((one) => one["bom-ref"]));
  assert.equal(refs.size, components.length + 1, "each crate once");
  for (const { dependsOn } of dependencies)
    for (const ref of dependsOn) assert.ok(refs.has(ref), ref);
  const again = await run(script, {}, { input: metadata, args: [lock] });
  assert.equal(again.output, output, "the same input gives the same document");
});

test("a crate of the tests alone is not in the bill of materials", async () => {
  const crate = (name) => ({
    id: name,
    name,
    version: "1.0.0",
    license: "MIT",
    source: "registry",
  });
  const needs = (pkg, kind) => ({ pkg, dep_kinds: [{ kind, target: null }] });
  const input = JSON.stringify({
    packages: ["app", "used", "builds", "tests"].map(crate),
    resolve: {
      root: "app",
      nodes: [
        { id: "app", deps: [needs("used", null), needs("builds", "build"), needs("tests", "dev")] },
        { id: "used", deps: [] },
        { id: "builds", deps: [] },
        { id: "tests", deps: [] },
      ],
    },
  });
  const { output } = await run(script, {}, { input, args: [lock] });
  assert.deepEqual(
    JSON.parse(output).components.map(({ name }) => name),
    ["builds", "used"],
  );
});

test("a call without the lock file is wrong usage", async () => {
  assert.equal((await run(script, {}, { input: "{}" })).code, 2);
});
