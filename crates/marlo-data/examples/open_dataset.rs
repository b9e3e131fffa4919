//! Says what a path holds as a set of images: identities, images, sizes, findings, and the sum that reports name.
//!
//! ```text
//! cargo run --release -p marlo-data --example open_dataset -- PATH
//! ```

use std::error::Error;
use std::time::Instant;

use marlo_data::{ImageSet, dataset};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: open_dataset PATH")?;
    let start = Instant::now();
    let found = dataset::open(&path)?;
    println!("{}", found.source);
    tell("images", &found.images);
    found.test.iter().for_each(|test| tell("for testing", test));
    print!("{}", found.findings());
    println!("sha256 {}, read in {:.1?}", found.hash, start.elapsed());
    Ok(())
}

fn tell(what: &str, images: &ImageSet) {
    let counts = images.counts();
    println!(
        "{what}: {} of {} x {}, {} identities of {} to {} images",
        images.len(),
        images.width(),
        images.height(),
        counts.len(),
        counts.iter().min().unwrap_or(&0),
        counts.iter().max().unwrap_or(&0)
    );
}
