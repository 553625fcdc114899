//! Packs the module files: what a start needs of each as it is, its tools compressed. They are most of the files and are
//! read when somebody first asks for one (`manifest/packed.rs`).

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
}

/// Writes `<name>.rs`, an expression of type `Packed`, and the file that it includes.
fn pack(mut module: Value, name: &str, out: &Path) {
    let tools =
        module.as_object_mut().and_then(|module| module.remove("tools")).unwrap_or_default();
    let count = tools.as_array().map_or(0, Vec::len);
    // The highest level: it is packed once and unpacked at every start.
    let mut compressed = Vec::new();
    let mut encoder = DeflateEncoder::new(&mut compressed, Compression::best());
    encoder
        .write_all(tools.to_string().as_bytes())
        .and_then(|()| encoder.try_finish())
        .expect("a vector takes everything");
    drop(encoder);
    let head = module.to_string();
    let packed = format!(
        "Packed {{ head: {head:?}, tools: include_bytes!(\"{name}.tools\"), count: {count} }}\n"
    );
    fs::write(out.join(format!("{name}.tools")), compressed)
        .expect("the output folder can be written");
    fs::write(out.join(format!("{name}.rs")), packed).expect("the output folder can be written");
}
