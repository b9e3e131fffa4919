//! `marlo data`: benchmarks that a machine can make or fetch by itself.

use std::path::PathBuf;

use marlo::data::glyphs::benchmark;
use marlo::data::{debian, fonts};

use super::error::CliError;
use super::{print, say};

/// Arguments of `marlo data`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Draw the glyph benchmark: some 2,800 kanji in 33 typefaces of Debian's packages (260 MB are fetched)
    Glyphs {
        /// The file to write, for --data
        #[arg(long, value_name = "FILE", default_value = "glyphs.bin.gz")]
        out: PathBuf,
        /// A folder with fonts: they are used instead, and nothing is fetched
        #[arg(long, value_name = "FOLDER")]
        fonts: Option<PathBuf>,
    },
    /// Fetch Fashion-MNIST from Debian's package (31 MB)
    FashionMnist {
        /// The folder to put it in
        #[arg(long, value_name = "FOLDER", default_value = "fashion-mnist")]
        out: PathBuf,
    },
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    match &args.what {
        What::Glyphs { out, fonts: given } => {
            let fetched = tempfile::tempdir()?;
            let folder = match given {
                Some(folder) => folder.clone(),
                None => {
                    fetch(&fonts::PACKAGES, fetched.path())?;
                    fetched.path().into()
                }
            };
            let files = fonts::find(&[&folder]);
            let found = benchmark::render(&files, |at| {
                say(&format!("{}/{} files, {} typefaces kept", at.done, at.files, at.kept));
            })?;
            found.write(out)?;
            let (characters, typefaces) = (found.glyphs.characters.len(), found.glyphs.typefaces.len());
            print(&format!(
                "{characters} characters in {typefaces} typefaces: {}; train with --data {}\n",
                out.display(),
                out.display()
            ))
        }
        What::FashionMnist { out } => {
            fetch(&[debian::FASHION_MNIST], out)?;
            let folder = out.join(debian::FASHION_MNIST_FOLDER);
            print(&format!("train with --data {}\n", folder.display()))
        }
    }
}

fn fetch(packages: &[&str], into: &std::path::Path) -> Result<(), CliError> {
    let missing = debian::fetch(packages, into, |package| say(&format!("fetching {package}")))?;
    for missing in &missing {
        say(&format!("no {}: {}", missing.package, missing.reason));
    }
    match missing.len() == packages.len() {
        true => Err(CliError::Input("nothing could be fetched".into())),
        false => Ok(()),
    }
}
