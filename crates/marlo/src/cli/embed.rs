//! `marlo embed`: a folder of images, one folder an identity, to embeddings and cosines.

use std::path::PathBuf;

use marlo::data::embed::{Means, Options, embed};
use marlo::data::folder;
use serde_json::json;

use super::error::CliError;
use super::{print, say};

/// Arguments of `marlo embed`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The baseline learns nothing: grey pixels, mean removed, principal components, class means.\n\
    OUT gets embeddings.npy, class_means.npy, cosines.npy, labels.npy and classes.txt; then\n\
    marlo eval SPEC --cosines OUT/cosines.npy --labels OUT/labels.npy"
)]
pub(crate) struct Args {
    /// The folder: one folder an identity, png, jpeg or pgm images in it
    folder: PathBuf,
    /// Where to write the arrays
    #[arg(long)]
    out: PathBuf,
    /// The number of principal components (64, or fewer where the images are few)
    #[arg(long)]
    dim: Option<usize>,
    /// Compare each image with the plain mean of its class, itself included, instead of leaving it out
    #[arg(long)]
    all_means: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let found = folder::read(&args.folder)?;
    for skipped in &found.skipped {
        say(&format!("skipped {}: {}", skipped.path.display(), skipped.reason));
    }
    let means = if args.all_means { Means::All } else { Means::LeaveOneOut };
    let embedding = embed(&found.images, Options { dim: args.dim, means })?;
    embedding.save(&args.out)?;
    let summary = json!({
        "images": embedding.labels.len(),
        "classes": embedding.class_names.len(),
        "skipped": found.skipped.len(),
        "resized": found.resized,
        "dim": embedding.embeddings.shape[1],
        "out": args.out.display().to_string(),
    });
    print(&format!("{summary:#}\n"))
}
