//! `shaders/` holds the WGSL of every spec. Set MARLO_UPDATE_SHADERS=1 to write it anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use marlo::schedule::RowProgram;
use marlo::{specs, wgsl};

#[test]
fn checked_in_shaders_are_the_generated_ones() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shaders");
    let update = std::env::var_os("MARLO_UPDATE_SHADERS").is_some();
    let mut expected = BTreeSet::new();
    for spec in specs::ALL {
        let loss = specs::compile(spec.name).expect("shipped specs compile").loss;
        let shader = wgsl::emit(&RowProgram::of(&loss));
        for target in [
            wgsl::Target::Wgsl,
            wgsl::Target::Spirv,
            wgsl::Target::Msl,
            wgsl::Target::Hlsl,
            wgsl::Target::Glsl,
        ] {
            let compiled = wgsl::compile(&shader, target);
            assert!(
                compiled.is_ok(),
                "{} to {target:?}: {}",
                spec.name,
                compiled.err().map_or(String::new(), |e| e.to_string())
            );
        }
        let path = folder.join(format!("{}.wgsl", spec.name));
        expected.insert(path.clone());
        if update {
            fs::write(&path, &shader.source).expect("shaders/ can be written");
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == shader.source,
            "shaders/{}.wgsl is not what the spec compiles to: run MARLO_UPDATE_SHADERS=1 cargo test -p marlo-tests shaders and read the difference",
            spec.name
        );
    }
    // Its folders hold the kernels that are written by hand.
    let entries = fs::read_dir(&folder).expect("shaders/ is there").flatten();
    for entry in entries.filter(|entry| !entry.path().is_dir()) {
        assert!(expected.contains(&entry.path()), "{} belongs to no spec", entry.path().display());
    }
}

/// Those that are written by hand are plain WGSL too.
#[test]
fn shaders_written_by_hand_are_valid() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shaders");
    for name in ["device/copy", "head/norms", "head/product", "head/chain"] {
        let source = fs::read_to_string(folder.join(format!("{name}.wgsl"))).expect("it is there");
        let valid = wgsl::validate(&source);
        assert!(valid.is_ok(), "{name}: {}", valid.err().map_or(String::new(), |e| e.to_string()));
    }
}
