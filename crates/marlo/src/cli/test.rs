//! `marlo test`: a model judged on identities that it has not seen.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use marlo::data::decode::{Decoded, decode};
use marlo::data::{ImageSet, split};
use marlo::judging::formats::{self, cfp::Views};
use marlo::judging::identification::megaface;
use marlo::judging::{Labelled, PairList, Protocol, verify};
use marlo::recognition::judge::{embeddings, judge_model, of_pixels};
use marlo::recognition::{Judged, faces};
use marlo::train::{Model, Size};
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
    /// Images that nobody looks for: each photograph is searched among these and one of the same identity (MegaFace)
    #[arg(long, value_name = "PATH", conflicts_with_all = ["pairs", "json"])]
    distractors: Option<PathBuf>,
    /// The list of pairs of a published protocol, by the names of the images in --data
    #[arg(long, value_name = "FILE")]
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
#[derive(Copy, Clone, Debug, PartialEq, clap::ValueEnum)]
enum Format {
    /// pairs.txt of LFW, view 2
    Lfw,
    /// The lists of RFW, without a header
    Rfw,
    /// CALFW and CPLFW: two lines a pair
    TwoLines,
    /// AgeDB, as text
    Agedb,
    /// The folder Protocol of CFP, frontal and frontal
    CfpFf,
    /// The folder Protocol of CFP, frontal and profile
    CfpFp,
    /// A .bin file of insightface, which has the images in it
    Insightface,
}

impl Format {
    /// A list of images in files.
    fn read(self, file: &Path) -> Result<PairList, CliError> {
        Ok(match self {
            Format::Lfw => formats::lfw::read(file)?,
            Format::Rfw => formats::rfw::read(file, FOLDS)?,
            Format::TwoLines => formats::two_lines::read(file, FOLDS)?,
            Format::Agedb => formats::agedb::read(file, FOLDS)?,
            Format::CfpFf => formats::cfp::read(file, Views::FrontalFrontal)?,
            Format::CfpFp => formats::cfp::read(file, Views::FrontalProfile)?,
            Format::Insightface => formats::insightface::read(file, FOLDS)?.pairs,
        })
    }

    /// The identity in a name; an image that is packed has none.
    fn identity(self, name: &str) -> Option<&str> {
        match self {
            Format::Lfw => Some(formats::lfw::identity(name)),
            Format::Rfw => Some(formats::rfw::identity(name)),
            Format::TwoLines => Some(formats::two_lines::identity(name)),
            Format::Agedb => Some(formats::agedb::identity(name)),
            Format::CfpFf | Format::CfpFp => Some(formats::cfp::identity(name)),
            Format::Insightface => None,
        }
    }
}

/// The file of a name: AgeDB's have no ending.
fn file_of(data: &Path, name: &str) -> PathBuf {
    let plain = data.join(name);
    let endings = ["jpg", "png", "pgm"].into_iter().map(|ending| data.join(format!("{name}.{ending}")));
    if plain.is_file() { plain } else { endings.clone().find(|file| file.is_file()).unwrap_or(plain) }
}

/// Folds of lists that have none of their own.
const FOLDS: usize = 10;

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let model = Model::open(&args.model)?;
    if let Some(pairs) = &args.pairs {
        return by_pairs(args, &model, pairs);
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
    let mut text = table(&judged, &title);
    if let Some(distractors) = &args.distractors {
        text += &among(&model, &images, distractors, args.flip)?;
    }
    print(&text)
}

/// The pixels of the images of a list.
fn decoded(args: &Args, list: &PairList, pairs: &Path, size: Size) -> Result<Decoded, CliError> {
    let wanted = (size.width_of_image as u32, size.height as u32);
    let name = |at: usize| list.images()[at].clone();
    let count = list.images().len();
    if args.format == Format::Insightface {
        let packed = formats::insightface::read(pairs, FOLDS)?.images;
        let bytes = |at: usize| Ok(Cow::Borrowed(&packed[at][..]));
        return Ok(decode(count, wanted, bytes, |at| format!("{}, image {at}", list.name()))?);
    }
    let data = args.data.as_deref().unwrap_or(Path::new("."));
    let bytes = |at: usize| std::fs::read(file_of(data, &list.images()[at])).map(Cow::Owned);
    Ok(decode(count, wanted, bytes, |at| file_of(data, &name(at)).display().to_string())?)
}

/// By a list of pairs that names images.
fn by_pairs(args: &Args, model: &Model, pairs: &Path) -> Result<(), CliError> {
    if args.data.is_none() && args.format != Format::Insightface {
        return Err(CliError::Usage(
            "--pairs names images: give the folder that they stand in with --data".into(),
        ));
    }
    let list = args.format.read(pairs)?;
    if args.format != Format::Insightface {
        let identity = |name: &str| args.format.identity(name).unwrap_or_default().to_owned();
        let overlap = list.overlaps(|name| args.format.identity(name).unwrap_or(name));
        if !overlap.is_empty() {
            say(&format!("warning: {} identities are in more than one fold", overlap.len()));
        }
        let seen: BTreeSet<String> = list.images().iter().map(|name| identity(name)).collect();
        let seen = seen.iter().filter(|name| model.about.classes.contains(name)).count();
        if seen > 0 && !args.allow_overlap {
            return Err(CliError::Input(format!(
                "{} was trained with {seen} of the identities in {}: the verdict would be too good; train without them, or \
                 give --allow-overlap",
                args.model.display(),
                list.name()
            )));
        }
    }
    let size = model.about.size;
    let found = decoded(args, &list, pairs, size)?;
    if found.resized > 0 {
        say(&format!(
            "note: {} images were resized to {} × {}",
            found.resized, size.height, size.width_of_image
        ));
    }
    let embeddings = of_pixels(&model.network, &found.pixels, args.flip)?;
    let trials = list.trials(&embeddings)?;
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

/// Searches among distractors, as MegaFace does.
fn among(model: &Model, images: &ImageSet, distractors: &Path, flip: bool) -> Result<String, CliError> {
    let others = faces::dataset(Some(&distractors.to_path_buf()))?.images;
    let shared = others.class_names().iter().filter(|name| images.class_names().contains(name)).count();
    if shared > 0 {
        say(&format!("warning: {shared} distractors have the name of an identity that is looked for"));
    }
    let probes = embeddings(&model.network, images, flip)?;
    let found =
        megaface(Labelled::new(&probes, images.labels())?, &embeddings(&model.network, &others, flip)?)?;
    Ok(format!("  rank-1 among {} distractors {:.2} %\n", others.len(), 100.0 * found.rate(1)))
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
