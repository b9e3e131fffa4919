//! What `marlo bench` is asked to do, and what makes no sense.

use std::path::PathBuf;
use std::time::Duration;

use marlo::bench::inputs;
use marlo::loss::Loss;

use crate::cli::error::CliError;

/// Arguments of `marlo bench`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A step is the loss and its whole gradient, f32, into buffers that are reused. Losses and limits take \
    turns, so that what else\nthe machine does hits all alike. The limits are of this machine, in the same run: a copy of \
    the matrix to the gradient by\nordinary stores and by stores past the caches, and one exponential a cell in the \
    first-level cache. `× copy` is the median\nover that of the copy, and so on; MiB is the most memory that a step \
    after the first held above the inputs, the\ngradient included (Linux). Cosines are 0.05·N(0, 1), targets 0.1 to 0.8; further inputs have\nstand-ins. \
    docs/performance.md explains the columns and holds results."
)]
pub(crate) struct Args {
    /// Paths to .loss files, or names of shipped losses [default: arcface mv_arc_adaptive]
    pub(super) specs: Vec<String>,
    /// Every shipped loss, relative to arcface
    #[arg(long, conflicts_with_all = ["specs", "peers", "scaling"])]
    pub(super) all: bool,
    /// What a step does
    #[arg(long, value_enum, default_value = "rows")]
    pub(super) workload: Workload,
    /// Rows and classes, and for a head the length of embeddings [default: 512,86876; for a head 128,86876,512]
    #[arg(long, value_name = "B,C[,D]", value_parser = parse_size, conflicts_with = "scaling")]
    pub(super) size: Option<Size>,
    /// The number of threads, at most as many as the machine runs at once [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) threads: Option<u16>,
    /// What computes
    #[arg(long, value_enum, default_value = "native")]
    pub(super) backend: Choice,
    /// Seconds that each line is measured, about
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "2")]
    pub(super) budget: Duration,
    /// Steps that each line is measured, at least, instead of --budget; peers, too
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "budget")]
    pub(super) repeat: Option<u32>,
    /// The seed of the inputs
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(super) seed: u64,
    /// Each loss once more as one that is first seen at run time
    #[arg(long)]
    pub(super) interpret: bool,
    /// A head that skips tiles of classes whose derivatives add up to less than this, too
    #[arg(long, value_name = "ERROR")]
    pub(super) filter: Option<f64>,
    /// Embeddings of a head as a trained model has them: cosines of 0.75 to 0.95 to their class, instead of 0.1 to 0.8
    #[arg(long)]
    pub(super) trained: bool,
    /// A head in its low-memory mode, too
    #[arg(long)]
    pub(super) low_memory: bool,
    /// Use the GPU adapter whose name contains this
    #[arg(long, value_name = "NAME")]
    pub(super) adapter: Option<String>,
    /// Curves: 16 to 1024 rows, 1000 to 1000000 classes, one thread and all
    #[arg(long)]
    pub(super) scaling: bool,
    /// Run other implementations on the same arrays, too: those that come with marlo, or those of a folder
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    #[arg(conflicts_with = "scaling")]
    pub(super) peers: Option<Option<PathBuf>>,
    /// Only this one of the peers; again for each
    #[arg(long = "peer", value_name = "NAME", requires = "peers")]
    pub(super) only: Vec<String>,
    /// The Python of the peers [default: $MARLO_PYTHON, or python3]
    #[arg(long, value_name = "PATH", requires = "peers")]
    pub(super) python: Option<String>,
    /// Print a JSON object a line
    #[arg(long, conflicts_with = "markdown")]
    pub(super) json: bool,
    /// Print tables as Markdown
    #[arg(long)]
    pub(super) markdown: bool,
}

impl Args {
    /// The ends of the cosines between embeddings and their class vectors.
    pub(super) fn targets(&self) -> (f64, f64) {
        if self.trained { inputs::TRAINED } else { inputs::LEARNING }
    }
}

#[derive(Copy, Clone, Debug, PartialEq, clap::ValueEnum)]
pub(super) enum Workload {
    /// Cosines or logits (B, C) to losses and gradients
    Rows,
    /// Embeddings (B, D) and class vectors (C, D) to losses and gradients
    Head,
}

impl Workload {
    pub(super) fn name(self) -> &'static str {
        match self {
            Workload::Rows => "rows",
            Workload::Head => "head",
        }
    }
}

#[derive(Copy, Clone, Debug, PartialEq, clap::ValueEnum)]
pub(super) enum Choice {
    Native,
    Wgpu,
}

/// B, C, and D where it is given.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) classes: usize,
    pub(super) width: Option<usize>,
}

/// The most numbers that are given to a loss or a head: 16 GiB.
const MOST_CELLS: usize = 1 << 32;

fn parse_size(text: &str) -> Result<Size, String> {
    const WANTED: &str =
        "expected rows and classes, as in 64,10000, and for a head the length, as in 64,10000,512";
    let number = |part: &str| match part.trim().parse::<usize>() {
        Ok(0) => Err("there must be at least one of each".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err(WANTED.to_owned()),
    };
    let numbers = text.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
    let (rows, classes, width) = match numbers[..] {
        [rows, classes] => (rows, classes, None),
        [rows, classes, width] => (rows, classes, Some(width)),
        _ => return Err(WANTED.to_owned()),
    };
    let fits = |count: Option<usize>| count.is_some_and(|count| count <= MOST_CELLS);
    if !fits(rows.checked_mul(classes)) {
        return Err("a matrix would have more than 2^32 cells, 16 GiB: take a smaller B or C".into());
    }
    let vectors = rows.checked_add(classes).and_then(|vectors| vectors.checked_mul(width.unwrap_or(1)));
    if !fits(vectors) {
        return Err(
            "embeddings and class vectors would have more than 2^32 numbers, 16 GiB: take a smaller B, C or D".into(),
        );
    }
    Ok(Size { rows, classes, width })
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.trim().parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= 1e6);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds, more than 0, as in 0.5".into())
}

/// What `--all` is relative to.
pub(super) const BASE: &str = "arcface";

/// What makes no sense together, and what there is not: said before anything is measured.
pub(super) fn refuse(args: &Args) -> Result<(), CliError> {
    let usage = |message: &str| Err(CliError::Usage(message.into()));
    let is_head = args.workload == Workload::Head;
    if is_head && (args.scaling || args.all || args.interpret) {
        return usage("--scaling, --all and --interpret measure rows: leave --workload head out");
    }
    if !is_head && (args.filter.is_some() || args.low_memory || args.trained) {
        return usage("--filter, --low-memory and --trained change a head: add --workload head");
    }
    let on_cpu = args.scaling || args.all || args.interpret || args.peers.is_some() || args.threads.is_some();
    if args.backend == Choice::Wgpu && (on_cpu || args.filter.is_some() || args.low_memory) {
        return usage(
            "--backend wgpu measures losses or heads beside a copy on the same device: leave --all, --interpret, \
             --scaling, --peers, --threads, --filter and --low-memory out",
        );
    }
    if args.adapter.is_some() && args.backend != Choice::Wgpu {
        return usage("--adapter chooses a GPU: add --backend wgpu");
    }
    if is_head && args.size.is_some_and(|size| size.width.is_none()) {
        return usage("a head needs the length of embeddings, too: --size B,C,D, as in 128,86876,512");
    }
    if !is_head && args.size.is_some_and(|size| size.width.is_some()) {
        return usage("--size B,C,D is for --workload head: rows have no embeddings, so leave D out");
    }
    // How many it runs is not said: the same command is refused in the same words everywhere.
    let cores = std::thread::available_parallelism().map_or(usize::MAX, usize::from);
    if let Some(threads) = args.threads.filter(|threads| usize::from(*threads) > cores) {
        return usage(&format!(
            "--threads {threads} is more than this machine runs at once, so they would only take turns: give fewer, or \
             leave --threads out for all that it runs"
        ));
    }
    Ok(())
}

/// Losses that can't be measured side by side, or have too many centres for the size.
pub(super) fn refuse_losses(args: &Args, losses: &[Loss]) -> Result<(), CliError> {
    for (at, loss) in losses.iter().enumerate() {
        if losses[..at].iter().any(|before| before.name == loss.name) {
            return Err(CliError::Usage(format!(
                "two of the losses are named `{0}`, and their lines would be, too: name each once, or rename one (`loss \
                 {0}` in its file)",
                loss.name
            )));
        }
        let centres = loss.graph.centres();
        let cells = args.size.and_then(|size| (size.rows * size.classes).checked_mul(centres));
        if args.size.is_some() && cells.is_none_or(|cells| cells > MOST_CELLS) {
            return Err(CliError::Usage(format!(
                "`{}` has {centres} centres a class: its matrices would have more than 2^32 cells, 16 GiB: take a \
                 smaller --size",
                loss.name
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let size = |rows, classes, width| Ok(Size { rows, classes, width });
        assert_eq!(parse_size("64,10000"), size(64, 10_000, None));
        assert_eq!(parse_size(" 64, 10000 ,512"), size(64, 10_000, Some(512)));
        for wrong in [
            "",
            "64",
            "0,5",
            "64,10000,0",
            "1,2,3,4",
            "64x10000",
            "-1,5",
            "65536,65537",
            "2,10,99999999999999999",
            "2,10,18446744073709551615",
            "1,4294967296,2",
            "18446744073709551615,1,1",
            "99999999999999999,9",
        ] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_seconds("0.05"), Ok(Duration::from_millis(50)));
        for wrong in ["0", "-1", "nan", "inf", "x", "1e300"] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }
}
