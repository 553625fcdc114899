// Writes the software bill of materials of the binary in CycloneDX 1.6: every crate that is compiled in or runs while it is built, with
// its version, licence and the checksum of Cargo.lock.
//
//   cargo metadata --locked --format-version 1 --filter-platform TARGET | node sbom.mjs Cargo.lock
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { main, Stop } from "./http.mjs";

await main(async () => {
  const [lockFile] = process.argv.slice(2);
  if (!lockFile) throw new Stop(2, "Usage: cargo metadata … | node sbom.mjs Cargo.lock");
  const metadata = JSON.parse(await text(process.stdin));
  process.stdout.write(
    `${JSON.stringify(sbom(metadata, readFileSync(lockFile, "utf8")), null, 1)}\n`,
  );
});

/** The document. It depends on its input alone, so that a release can be built again. */
function sbom({ packages, resolve }, lock) {
  const checksums = checksumsOf(lock);
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const used = new Map();
  const visit = (id) => {
    if (used.has(id)) return;
    const needed = nodes
      .get(id)
      .deps.filter(({ dep_kinds }) => dep_kinds.some(({ kind }) => kind !== "dev"))
      .map(({ pkg }) => pkg);
    used.set(id, needed);
    needed.forEach(visit);
  };
  visit(resolve.root);
  const known = new Map(packages.map((one) => [one.id, one]));
  const ref = (id) => `pkg:cargo/${known.get(id).name}@${known.get(id).version}`;
  const component = (id) => {
    const { name, version, license, description, source } = known.get(id);
    const checksum = checksums.get(`${name} ${version}`);
    return {
      type: id === resolve.root ? "application" : "library",
      "bom-ref": ref(id),
      name,
      version,
      ...(description && { description: description.trim() }),
      ...(license && { licenses: [{ expression: license.replaceAll("/", " OR ") }] }),
      ...(checksum && { hashes: [{ alg: "SHA-256", content: checksum }] }),
      ...((source || id === resolve.root) && { purl: ref(id) }),
    };
  };
  const ids = [...used.keys()].sort((one, other) => (ref(one) < ref(other) ? -1 : 1));
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: component(resolve.root) },
    components: ids.filter((id) => id !== resolve.root).map(component),
    dependencies: ids.map((id) => ({ ref: ref(id), dependsOn: used.get(id).map(ref).sort() })),
  };
  const digest = createHash("sha256").update(JSON.stringify(document)).digest("hex");
  // A UUID of version 8 (RFC 9562 §5.8), made of the content.
  const uuid = digest.replace(
    /^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/,
    (_, a, b, c, d, e) => `${a}-${b}-8${c}-8${d}-${e}`,
  );
  return { ...document, serialNumber: `urn:uuid:${uuid}` };
}

/** The checksums in Cargo.lock by "name version". */
function checksumsOf(lock) {
  const checksums = new Map();
  for (const block of lock.split("[[package]]")) {
    const field = (name) => new RegExp(`^${name} = "(.*)"$`, "m").exec(block)?.[1];
    if (field("checksum")) checksums.set(`${field("name")} ${field("version")}`, field("checksum"));
  }
  return checksums;
}
