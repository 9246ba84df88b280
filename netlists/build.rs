//! Lists the committed netlists of `data/`, so that they are part of the library.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let data = root.join("data");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=data");
    let mut list = String::from("/// Name and text of every committed netlist, by name.\n");
    list.push_str("const COMMITTED: &[(&str, &str)] = &[\n");
    for name in netlists(&data)? {
        // Writing to a String cannot fail.
        // The folder is named by the crate that is compiled: this script may have run for another
        // checkout that shares the build folder.
        let file = format!("/data/{name}.txt");
        let _ = writeln!(
            list,
            "    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {file:?}))),"
        );
    }
    list.push_str("];\n");
    fs::write(out.join("committed.rs"), list)
}

/// Names of the `.txt` files of a directory, in order; none if it does not exist.
fn netlists(data: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    if !data.is_dir() {
        return Ok(names);
    }
    for entry in fs::read_dir(data)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "txt") {
            names.extend(
                path.file_stem()
                    .and_then(|stem| stem.to_str())
                    .map(str::to_owned),
            );
        }
    }
    names.sort();
    Ok(names)
}
