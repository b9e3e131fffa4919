//! `marlo test`: a model judged on identities that it has not seen.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use marlo::data::folder;
use marlo::data::split;
use marlo::judging::{Protocol, formats, pairs::PairList, verify};
use marlo::recognition::judge::{embeddings, judge_model};
use marlo::recognition::{Judged, faces};
use marlo::train::Model;
use serde_json::Value;

use super::error::CliError;
use super::{print, say};

/// Arguments of `marlo test`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without --pairs: all pairs of images (ROC, AUC, EER, TAR at FAR), ten folds of pairs by both \
    definitions in use, each image searched among all others (CMC), and an open set. Rates that the pairs can't resolve are \
    refused, with the reason.\n\n    marlo test model.safetensors --data faces\n    \
    marlo test model.safetensors --data lfw --pairs pairs.txt"
)]
pub(crate) struct Args {
    /// The model, as `marlo train` has written it
    model: PathBuf,
    /// Images: as for `marlo train`; identities that the model was trained with are left out [default: the glyphs that ship]
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Judge identities that the model was trained with, too
    #[arg(long)]
    allow_overlap: bool,
    /// The list of pairs of a published protocol, by the names of the images in --data
    #[arg(long, value_name = "FILE", requires = "data")]
    pairs: Option<PathBuf>,
    /// The format of --pairs
    #[arg(long, value_name = "FORMAT", default_value = "lfw", requires = "pairs")]
    format: Format,
    /// Add the embedding of the mirror image, as insightface does
    #[arg(long)]
    flip: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Formats of pair lists.
#[derive(Copy, Clone, Debug, clap::ValueEnum)]
enum Format {
    /// pairs.txt of LFW, view 2
    Lfw,
    /// The lists of RFW, without a header
    Rfw,
    /// CALFW and CPLFW: two lines a pair
    TwoLines,
    /// AgeDB
    Agedb,
}

impl Format {
    fn read(self, file: &Path) -> Result<PairList, CliError> {
        Ok(match self {
            Format::Lfw => formats::lfw::read(file)?,
            Format::Rfw => formats::rfw::read(file, FOLDS)?,
            Format::TwoLines => formats::two_lines::read(file, FOLDS)?,
            Format::Agedb => formats::agedb::read(file, FOLDS)?,
        })
    }

    /// The name that a list has for the image in a file.
    fn name(self, file: &Path) -> String {
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        match self {
            Format::Lfw | Format::Rfw => {
                format!("{}/{}", part(file.parent().and_then(Path::file_name)), part(file.file_name()))
            }
            Format::TwoLines => part(file.file_name()),
            Format::Agedb => part(file.file_stem()),
        }
    }

    /// The identity in a name.
    fn identity(self, name: &str) -> &str {
        match self {
            Format::Lfw => formats::lfw::identity(name),
            Format::Rfw => formats::rfw::identity(name),
            Format::TwoLines => formats::two_lines::identity(name),
            Format::Agedb => formats::agedb::identity(name),
        }
    }
}

/// Folds of lists that have none of their own.
const FOLDS: usize = 10;

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let model = Model::open(&args.model)?;
    if let (Some(pairs), Some(data)) = (&args.pairs, &args.data) {
        return by_pairs(args, &model, pairs, data);
    }
    let found = faces::dataset(args.data.as_ref())?;
    for skipped in &found.skipped {
        say(&format!("skipped {}: {}", skipped.path.display(), skipped.reason));
    }
    let images = found.test.unwrap_or(found.images);
    let seen = images.class_names().iter().filter(|name| model.about.classes.contains(name)).count();
    let images = match args.allow_overlap || seen == 0 {
        true => images,
        false if images.class_names().len() - seen < 2 => {
            return Err(CliError::Input(format!(
                "{} was trained with {seen} of the {} identities: too few are left to judge; give other images, or \
                 --allow-overlap",
                args.model.display(),
                images.class_names().len()
            )));
        }
        false => split::without(&images, &model.about.classes)?,
    };
    let judged = judge_model(&model, &images, args.flip)?;
    if args.json {
        return print(&format!("{:#}\n", judged.report.to_json()));
    }
    let title = format!(
        "{} on {} images of {} identities",
        model.about.loss,
        images.len(),
        images.class_names().len()
    );
    print(&table(&judged, &title))
}

/// By a list of pairs that names images.
fn by_pairs(args: &Args, model: &Model, pairs: &Path, data: &Path) -> Result<(), CliError> {
    let list = args.format.read(pairs)?;
    let found = folder::read(data)?;
    let names: Vec<String> = found.files.iter().map(|file| args.format.name(file)).collect();
    let overlap = list.overlaps(|name| args.format.identity(name));
    if !overlap.is_empty() {
        say(&format!("warning: {} identities are in more than one fold", overlap.len()));
    }
    let seen: BTreeSet<&str> = list.images().iter().map(|name| args.format.identity(name)).collect();
    let seen = seen.iter().filter(|name| model.about.classes.iter().any(|class| class == *name)).count();
    if seen > 0 && !args.allow_overlap {
        return Err(CliError::Input(format!(
            "{} was trained with {seen} of the identities in {}: the verdict would be too good; train without them, or \
             give --allow-overlap",
            args.model.display(),
            list.name()
        )));
    }
    let embeddings = embeddings(&model.network, &found.images, args.flip)?;
    let trials = list.trials_by_name(&embeddings, &names)?;
    let mut text = format!("{} on {} pairs of {}\n", model.about.loss, list.len(), list.name());
    let mut json = Vec::new();
    for protocol in [Protocol::Insightface, Protocol::FacexZoo] {
        let found = verify(protocol, &trials)?;
        let (mean, error) = (100.0 * found.mean, 100.0 * found.standard_error);
        text += &format!("accuracy, {:<12} {mean:.2} % ± {error:.2} (standard error)\n", protocol.name());
        json.push(serde_json::json!({
            "protocol": protocol.name(), "mean": found.mean, "standard_error": found.standard_error,
            "accuracies": found.accuracies,
        }));
    }
    if args.json { print(&format!("{:#}\n", Value::from(json))) } else { print(&text) }
}

/// A verdict as lines for people.
pub(crate) fn table(judged: &Judged, title: &str) -> String {
    let percent = |x: f64| format!("{:.2} %", 100.0 * x);
    let mut lines = vec![title.to_owned()];
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<28} {value}"));
    if let Some(curve) = &judged.report.curve {
        line("pairs", format!("{} genuine, {} impostor", curve.genuine, curve.impostors));
        line("AUC", format!("{:.4}", curve.auc));
        line("EER", percent(curve.eer));
        for at in &curve.tar_at_far {
            let interval = at.tar_interval;
            line(
                &format!("TAR at FAR {:e}", at.target),
                format!(
                    "{} (95 %: {} to {})",
                    percent(at.tar),
                    percent(interval.low),
                    percent(interval.high)
                ),
            );
        }
    }
    for found in &judged.report.verification {
        line(
            &format!("ten folds, {}", found.protocol.name()),
            format!("{} ± {:.2}", percent(found.mean), 100.0 * found.standard_error),
        );
    }
    for (name, cmc, ranks) in &judged.report.identification {
        for &rank in ranks {
            line(&format!("rank-{rank}, {name}"), percent(cmc.rate(rank)));
        }
    }
    for at in &judged.report.open_set {
        line(&format!("TPIR at FPIR {:e}", at.target), percent(at.tpir));
    }
    for refused in &judged.refused {
        lines.push(format!("  not reported: {refused}"));
    }
    lines.join("\n") + "\n"
}
