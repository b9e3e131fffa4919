//! Draws the glyph benchmark from fonts: thousands of kanji in many typefaces, in one file.
//!
//! ```text
//! cargo run --release -p marlo-data --example glyph_benchmark -- FONTS OUTPUT
//! ```
//!
//! FONTS is a folder with fonts somewhere below it; one that does not exist is made, and Debian's packages
//! of fonts are fetched into it (about 260 MB). OUTPUT is the file to write, for
//! `marlo_data::dataset::open`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use marlo_data::glyphs::benchmark;
use marlo_data::{debian, fonts};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, output] = arguments.as_slice() else {
        return Err("usage: glyph_benchmark FONTS OUTPUT".into());
    };
    if !Path::new(folder).exists() {
        let start = Instant::now();
        let missing = debian::fetch(&fonts::PACKAGES, folder, |package| eprintln!("fetching {package}"))?;
        missing.iter().for_each(|m| eprintln!("no {}: {}", m.package, m.reason));
        println!("{} packages in {:.1?}", fonts::PACKAGES.len() - missing.len(), start.elapsed());
    }
    let start = Instant::now();
    let files = fonts::find(&[folder]);
    let found = benchmark::render(&files, |at| {
        eprintln!("{}/{} files, {} typefaces kept, {}", at.done, at.files, at.kept, at.file.display());
    })?;
    for dropped in &found.dropped {
        println!("dropped: {} {}", dropped.face, dropped.reason);
    }
    println!("lacking somewhere: {}", found.lacking.iter().collect::<String>());
    println!("equal somewhere: {}", found.equal.iter().collect::<String>());
    found.write(output)?;
    println!(
        "{} characters x {} typefaces in {:.1?}: {}",
        found.glyphs.characters.len(),
        found.glyphs.typefaces.len(),
        start.elapsed(),
        found.glyphs.typefaces.join(", ")
    );
    Ok(())
}
