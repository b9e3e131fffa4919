//! `marlo test`: a model judged on identities that it has not seen.

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

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let model = Model::open(&args.model)?;
    if let (Some(pairs), Some(data)) = (&args.pairs, &args.data) {
        return by_pairs(args, &model, pairs, data);
    }
    let found = faces::dataset(args.data.as_ref())?;
    for skipped in &found.skipped {
        say(&format!("skipped {}: {}", skipped.path.display(), skipped.reason));
    }
    let images = match (found.test, args.allow_overlap) {
        (Some(test), _) => test,
        (None, true) => found.images,
        (None, false) => split::without(&found.images, &model.about.classes)?,
    };
    let judged = judge_model(&model, &images, args.flip)?;
    if args.json {
        return print(&format!("{:#}\n", judged.report.to_json()));
    }
    print(&table(
        &judged,
        &format!(
            "{} on {} images of {} identities",
            model.about.loss,
            images.len(),
            images.class_names().len()
        ),
    ))
}

/// By a list of pairs that names images.
fn by_pairs(args: &Args, model: &Model, pairs: &Path, data: &Path) -> Result<(), CliError> {
    let list: PairList = match args.format {
        Format::Lfw => formats::lfw::read(pairs)?,
        Format::Rfw => formats::rfw::read(pairs, 10)?,
        Format::TwoLines => formats::two_lines::read(pairs, 10)?,
        Format::Agedb => formats::agedb::read(pairs, 10)?,
    };
    let found = folder::read(data)?;
    let names: Vec<String> = found.files.iter().map(|file| name_of(file)).collect();
    let overlap = list.overlaps(formats::lfw::identity);
    if !overlap.is_empty() {
        say(&format!("warning: {} identities are in more than one fold", overlap.len()));
    }
    let embeddings = embeddings(&model.network, &found.images, args.flip)?;
    let trials = list.trials_by_name(&embeddings, &names)?;
    let mut text = format!("{} on {} pairs of {}\n", model.about.loss, list.len(), list.name());
    let mut json = Vec::new();
    for protocol in [Protocol::Insightface, Protocol::FacexZoo] {
        let found = verify(protocol, &trials)?;
        text += &format!(
            "accuracy, {:<12} {:.2} % ± {:.2} (standard error)\n",
            protocol.name(),
            100.0 * found.mean,
            100.0 * found.standard_error
        );
        json.push(serde_json::json!({
            "protocol": protocol.name(), "mean": found.mean, "standard_error": found.standard_error, "accuracies": found.accuracies,
        }));
    }
    if args.json { print(&format!("{:#}\n", Value::from(json))) } else { print(&text) }
}

/// `Name/Name_0001.jpg` of a path.
fn name_of(file: &Path) -> String {
    let parts: Vec<String> =
        file.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
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
