//! `marlo bench`: how fast losses run, beside the limits of the machine and beside other implementations.

mod gpu;
mod head;

use std::path::PathBuf;
use std::time::Duration;

use marlo::bench::inputs::Cosines;
use marlo::bench::limits::{self, Peak, processor};
use marlo::bench::peers::{Answer, Folder, Request};
use marlo::bench::rows::{Case, buffers};
use marlo::bench::scaling::{self, Point};
use marlo::bench::table::{self, Line, Style, digits, grid};
use marlo::bench::{BenchError, Contender, Effort, Limits, Measurement, Work, interleave};
use marlo::loss::Loss;
use marlo::specs;
use marlo_native::Library;
use marlo_native::isa::Instructions;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::{Map, Value, json};

use super::error::CliError;
use super::{print, say, spec};

/// Arguments of `marlo bench`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A step is the loss and its whole gradient, f32, into buffers that are reused. Losses and limits take \
    turns, so that what else\nthe machine does hits all alike. The limits are of this machine, in the same run: a copy of \
    the matrix to the gradient by\nordinary stores and by stores past the caches, and one exponential a cell in the \
    first-level cache. `× copy` is the median\nover that of the copy, and so on; MiB is the most memory above the \
    inputs, the gradient included (Linux).\nCosines are 0.05·N(0, 1), targets 0.1 to 0.8; further inputs have stand-ins.\n\
    docs/performance.md explains the columns and holds results."
)]
pub(crate) struct Args {
    /// Paths to .loss files, or names of shipped losses [default: arcface mv_arc_adaptive]
    specs: Vec<String>,
    /// Every shipped loss, relative to arcface
    #[arg(long, conflicts_with_all = ["specs", "peers", "scaling"])]
    all: bool,
    /// What a step does
    #[arg(long, value_enum, default_value = "rows")]
    workload: Workload,
    /// Rows and classes, and for a head the length of embeddings [default: 512,86876; for a head 128,86876,512]
    #[arg(long, value_name = "B,C[,D]", value_parser = parse_size, conflicts_with = "scaling")]
    size: Option<Size>,
    /// The number of threads [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// What computes
    #[arg(long, value_enum, default_value = "native")]
    backend: Choice,
    /// Seconds that each line is measured
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "2")]
    budget: Duration,
    /// Steps that each line is measured, instead of --budget
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "budget")]
    repeat: Option<u32>,
    /// The seed of the cosines
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// Each loss once more as one that is first seen at run time
    #[arg(long)]
    interpret: bool,
    /// A head that skips tiles of classes whose derivatives add up to less than this, too
    #[arg(long, value_name = "ERROR")]
    filter: Option<f64>,
    /// A head in its low-memory mode, too
    #[arg(long)]
    low_memory: bool,
    /// Use the GPU adapter whose name contains this
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// Curves: 16 to 1024 rows, 1000 to 1000000 classes, one thread and all
    #[arg(long)]
    scaling: bool,
    /// Run other implementations on the same arrays, too: those that come with marlo, or those of a folder
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    #[arg(conflicts_with = "scaling")]
    peers: Option<Option<PathBuf>>,
    /// Only this one of the peers; again for each
    #[arg(long = "peer", value_name = "NAME", requires = "peers")]
    only: Vec<String>,
    /// The Python of the peers [default: $MARLO_PYTHON, or python3]
    #[arg(long, value_name = "PATH", requires = "peers")]
    python: Option<String>,
    /// Print a JSON object a line
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print tables as Markdown
    #[arg(long)]
    markdown: bool,
}

#[derive(Copy, Clone, Debug, PartialEq, clap::ValueEnum)]
enum Workload {
    /// Cosines or logits (B, C) to losses and gradients
    Rows,
    /// Embeddings (B, D) and class vectors (C, D) to losses and gradients
    Head,
}

impl Workload {
    fn name(self) -> &'static str {
        match self {
            Workload::Rows => "rows",
            Workload::Head => "head",
        }
    }
}

#[derive(Copy, Clone, Debug, PartialEq, clap::ValueEnum)]
enum Choice {
    Native,
    Wgpu,
}

/// B, C, and D where it is given.
#[derive(Copy, Clone, Debug, PartialEq)]
struct Size {
    rows: usize,
    classes: usize,
    width: Option<usize>,
}

/// The most cells of a matrix: 16 GiB.
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
    let cells = rows.checked_mul(classes).filter(|cells| *cells <= MOST_CELLS);
    cells
        .map(|_| Size { rows, classes, width })
        .ok_or_else(|| "a matrix would have more than 2^32 cells, 16 GiB".into())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.trim().parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= 1e6);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds, more than 0, as in 0.5".into())
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    refuse(args)?;
    let names = match (args.all, args.specs.is_empty()) {
        (true, _) => {
            let others = specs::ALL.iter().map(|spec| spec.name).filter(|name| *name != BASE);
            [BASE].into_iter().chain(others).map(str::to_owned).collect()
        }
        (_, true) => vec![BASE.to_owned(), "mv_arc_adaptive".to_owned()],
        _ => args.specs.clone(),
    };
    let losses = names.iter().map(|name| Ok(spec::compile(name)?.1.loss));
    let losses = losses.collect::<Result<Vec<Loss>, CliError>>()?;
    let threads = args.threads.map_or_else(rayon::current_num_threads, usize::from);
    let bench = Bench { args, losses, threads, context: context(args, threads) };
    match args.scaling {
        true => bench.scaling(),
        false if args.backend == Choice::Wgpu => bench.on_gpu(),
        false => pool(threads)?.install(|| match args.workload {
            Workload::Rows => bench.rows(),
            Workload::Head => bench.head(),
        }),
    }
}

/// What `--all` is relative to.
const BASE: &str = "arcface";

/// What makes no sense together, and what there is not: said before anything is measured.
fn refuse(args: &Args) -> Result<(), CliError> {
    let usage = |message: &str| Err(CliError::Usage(message.into()));
    let is_head = args.workload == Workload::Head;
    if is_head && (args.scaling || args.all || args.interpret) {
        return usage("--scaling, --all and --interpret measure rows: leave --workload head out");
    }
    if !is_head && (args.filter.is_some() || args.low_memory) {
        return usage("--filter and --low-memory change a head: add --workload head");
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
    Ok(())
}

fn pool(threads: usize) -> Result<ThreadPool, BenchError> {
    let made = ThreadPoolBuilder::new().num_threads(threads).build();
    made.map_err(|error| BenchError::Threads { threads, reason: error.to_string() })
}

/// What stands in every JSON object.
fn context(args: &Args, threads: usize) -> Map<String, Value> {
    Map::from_iter([
        ("workload".into(), args.workload.name().into()),
        ("backend".into(), if args.backend == Choice::Wgpu { "wgpu" } else { "native" }.into()),
        ("instructions".into(), Instructions::detect().name().into()),
        ("threads".into(), threads.into()),
        ("seed".into(), args.seed.into()),
    ])
}

/// A loss that was run once: what its peers are compared with.
struct Ours {
    /// The loss's name.
    loss: String,
    /// The name of its line.
    line: String,
    work: Work,
    /// The loss of the batch.
    value: f64,
}

/// The peers that are to run.
struct Others {
    folder: Folder,
    python: String,
    names: Vec<String>,
}

/// What is measured, and how it is told.
struct Bench<'a> {
    args: &'a Args,
    losses: Vec<Loss>,
    threads: usize,
    context: Map<String, Value>,
}

impl Bench<'_> {
    fn style(&self) -> Style {
        if self.args.markdown { Style::Markdown } else { Style::Text }
    }

    fn effort(&self) -> Effort {
        match self.args.repeat {
            Some(repeat) => Effort::Repetitions(repeat as usize),
            None => Effort::Budget(self.args.budget),
        }
    }

    /// The processor, and what it reaches with one thread and with all.
    fn machine(&self) -> Result<(), CliError> {
        if let Some(load) = limits::load().filter(|load| *load > 1.0) {
            say(&format!(
                "note: other programs are running (load {load:.1}): times will be too long, those of peers too"
            ));
        }
        // It is quickly found.
        let budget = self.args.budget.min(Duration::from_millis(200));
        let mut counts = vec![1, self.threads];
        counts.dedup();
        let mut peaks = Vec::new();
        for threads in counts {
            peaks.push(pool(threads)?.install(|| Peak::measure(budget))?);
        }
        let processor = format!("{}, {}", processor(), Instructions::detect().name());
        if self.args.json {
            for Peak { threads, exponentials, flops } in peaks {
                let line = json!({"name": "machine", "processor": processor, "threads": threads,
                    "exponentials_per_s": exponentials, "flops_per_s": flops});
                print(&format!("{line}\n"))?;
            }
            return Ok(());
        }
        let row = |peak: &Peak| {
            vec![peak.threads.to_string(), digits(peak.exponentials / 1e9), digits(peak.flops / 1e9)]
        };
        let rows: Vec<Vec<String>> = peaks.iter().map(row).collect();
        let head = ["threads", "Gexp/s", "GFLOP/s"];
        print(&format!("{processor}\n\n{}\n", grid(&head, &rows, self.style())))
    }

    fn rows(&self) -> Result<(), CliError> {
        let size = self.args.size.unwrap_or(Size { rows: 512, classes: 86_876, width: None });
        // What can't run is said before anything is measured.
        let others = self.others()?;
        let cosines = Cosines::draw(size.rows, size.classes, self.args.seed);
        if let Some(others) = &others {
            others.folder.put("cosines", &[size.rows, size.classes], &cosines.matrix)?;
            others.folder.put_labels(&cosines.labels)?;
        }
        let mut cases = self.cases(&cosines)?;
        self.machine()?;
        let mut memory = Vec::new();
        for (_, case) in &mut cases {
            memory.push(case.memory()?);
        }
        let matrices = cases.iter().map(|(_, case)| case.matrices()).max().unwrap_or(1);
        let gradients = buffers(matrices, cosines.matrix.len());
        let mut ours = Vec::new();
        for (name, case) in &mut cases {
            let (loss, line) = (case.name.clone(), name.clone());
            ours.push(Ours { loss, line, work: case.work(), value: case.step(&gradients)? });
        }
        let mut contenders = limits::of_rows(&cosines.matrix, &gradients);
        let limits = contenders.len();
        contenders.extend(
            cases
                .iter_mut()
                .zip(&memory)
                .map(|((name, case), memory)| case.contender(name.clone(), &gradients).with_memory(*memory)),
        );
        self.measure(&[size.rows, size.classes], limits, &mut contenders, &ours, others.as_ref())
    }

    /// Lets contenders take turns, the first so many of which are limits of the machine; asks the peers; prints all.
    fn measure(
        &self,
        size: &[usize],
        limits: usize,
        contenders: &mut [Contender<'_>],
        ours: &[Ours],
        others: Option<&Others>,
    ) -> Result<(), CliError> {
        let mut theirs = Vec::new();
        match others {
            None => interleave(contenders, self.effort())?,
            // Half before the peers and half after them: what else the machine does changes with time.
            Some(others) => {
                interleave(contenders, self.effort().part(2))?;
                theirs = self.ask(others, ours)?;
                interleave(contenders, self.effort().part(2))?;
            }
        }
        let found: Vec<Measurement> = contenders.iter().map(Contender::measurement).collect();
        let (limits, found) = found.split_at(limits);
        self.tell(size, limits, found, &theirs)
    }

    /// The losses, compiled, and with --interpret interpreted, too; with the names of their lines.
    fn cases<'c>(&self, cosines: &'c Cosines) -> Result<Vec<(String, Case<'c>)>, CliError> {
        let mut cases = Vec::new();
        let libraries = [Some(Library::shipped()), self.args.interpret.then(Library::empty)];
        for loss in &self.losses {
            for library in libraries.iter().flatten() {
                let case = Case::new(loss, cosines, library, self.args.seed)?;
                let name = match case.is_compiled() {
                    true => loss.name.clone(),
                    false => format!("{}, interpreted", loss.name),
                };
                // A loss that was never compiled has one line.
                if cases.iter().all(|(known, _)| *known != name) {
                    cases.push((name, case));
                }
            }
        }
        Ok(cases)
    }

    /// The peers that are to run, where they are wanted.
    fn others(&self) -> Result<Option<Others>, CliError> {
        let Some(programs) = &self.args.peers else { return Ok(None) };
        let folder = Folder::new(programs.as_deref())?;
        let python = self.args.python.clone().or_else(|| std::env::var("MARLO_PYTHON").ok());
        let mut others =
            Others { folder, python: python.unwrap_or_else(|| "python3".into()), names: Vec::new() };
        let known = self.request(&others).peers()?;
        if let Some(unknown) = self.args.only.iter().find(|name| !known.contains(name)) {
            let known = known.join(", ");
            return Err(CliError::Input(format!(
                "--peer {unknown}: there is no such peer; there are {known}"
            )));
        }
        let wanted = |name: &String| self.args.only.is_empty() || self.args.only.contains(name);
        others.names = known.into_iter().filter(wanted).collect();
        Ok(Some(others))
    }

    fn request<'r>(&self, others: &'r Others) -> Request<'r> {
        Request {
            python: &others.python,
            folder: &others.folder,
            workload: self.args.workload.name(),
            threads: self.threads,
            budget: self.args.budget.as_secs_f64(),
        }
    }

    /// Lets each peer run each loss, as it comes and tuned; what was found, with the lines that they are compared with.
    fn ask(&self, others: &Others, ours: &[Ours]) -> Result<Vec<(String, Measurement)>, CliError> {
        let request = self.request(others);
        let mut found: Vec<(String, Measurement)> = Vec::new();
        for (number, Ours { loss, line, work, value }) in ours.iter().enumerate() {
            // An interpreted loss has the same peers.
            if ours[..number].iter().any(|before| before.loss == *loss) {
                continue;
            }
            for peer in &others.names {
                for tuned in [false, true] {
                    say(&format!("{loss}: {peer}{}", if tuned { ", tuned" } else { "" }));
                    match request.ask(peer, loss, *work, tuned)? {
                        Answer::Skipped(reason) => {
                            say(&format!("note: {peer} is left out for `{loss}`: {reason}"));
                            break;
                        }
                        Answer::Measured(measurement, theirs) => {
                            differs(peer, loss, *value, theirs);
                            found.push((line.clone(), measurement));
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    /// Prints the limits, the losses relative to the first one, or else what the peers need relative to theirs.
    fn tell(
        &self,
        size: &[usize],
        limits: &[Measurement],
        losses: &[Measurement],
        peers: &[(String, Measurement)],
    ) -> Result<(), CliError> {
        let first = losses.first().map_or(f64::NAN, |first| first.median);
        let relative = if peers.is_empty() { self.losses[0].name.as_str() } else { "marlo" };
        let of_loss = |measurement: &Measurement| Line {
            relative: peers.is_empty().then(|| measurement.median / first),
            measurement: measurement.clone(),
        };
        let of_peer = |(line, measurement): &(String, Measurement)| {
            let ours = losses.iter().find(|ours| ours.name == *line);
            let relative = ours.map(|ours| measurement.median / ours.median);
            Line { relative, measurement: measurement.clone() }
        };
        let lines = limits.iter().cloned().map(Line::from).chain(losses.iter().map(of_loss));
        let lines: Vec<Line> = lines.chain(peers.iter().map(of_peer)).collect();
        let limits = Limits::among(limits);
        if self.args.json {
            let mut context = self.context.clone();
            context.insert("size".into(), json!(size));
            return lines
                .iter()
                .try_for_each(|line| print(&format!("{}\n", table::json(line, &limits, &context))));
        }
        let size = size.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
        let workload = self.args.workload.name();
        let threads = match self.args.backend {
            Choice::Native => words(self.threads, "thread"),
            Choice::Wgpu => "on the GPU".to_owned(),
        };
        let table = table::table(&lines, &limits, relative, self.style());
        print(&format!("{workload}: {size}, f32, {threads}\n\n{table}"))
    }

    fn scaling(&self) -> Result<(), CliError> {
        self.machine()?;
        let mut counts = vec![1, self.threads];
        counts.dedup();
        let pools = counts.iter().map(|threads| pool(*threads)).collect::<Result<Vec<_>, _>>()?;
        let mut points: Vec<(usize, Point)> = Vec::new();
        for (rows, classes) in scaling::sizes(scaling::MOST_CELLS) {
            let cosines = Cosines::draw(rows, classes, self.args.seed);
            for (threads, pool) in counts.iter().zip(&pools) {
                let measure = || scaling::measure(&self.losses, &Library::shipped(), &cosines, self.effort());
                points.extend(pool.install(measure)?.into_iter().map(|point| (*threads, point)));
            }
            say(&format!("measured {rows} × {classes}"));
        }
        for loss in &self.losses {
            for threads in &counts {
                let of = |(count, point): &&(usize, Point)| {
                    count == threads && point.measurement.name == loss.name
                };
                let curve: Vec<&Point> = points.iter().filter(of).map(|found| &found.1).collect();
                self.curve(&loss.name, *threads, &curve)?;
            }
        }
        Ok(())
    }

    /// Prints a curve.
    fn curve(&self, loss: &str, threads: usize, points: &[&Point]) -> Result<(), CliError> {
        if self.args.json {
            let mut context = self.context.clone();
            context.insert("threads".into(), threads.into());
            return points.iter().try_for_each(|point| {
                context.insert("size".into(), json!([point.rows, point.classes]));
                let line = Line::from(point.measurement.clone());
                print(&format!("{}\n", table::json(&line, &point.limits, &context)))
            });
        }
        let row = |point: &&Point| {
            let [copy, stream, exponential, _] = point.limits.ratios(&point.measurement);
            let ratio = |ratio: Option<f64>| ratio.map(digits).unwrap_or_default();
            vec![
                point.classes.to_string(),
                point.rows.to_string(),
                digits(point.measurement.median * 1e3),
                digits(point.seconds_per_cell() * 1e9),
                ratio(copy),
                ratio(stream),
                ratio(exponential),
            ]
        };
        let head = ["C", "B", "median ms", "ns/cell", "× copy", "× streaming", "× exp"];
        let table = grid(&head, &points.iter().map(row).collect::<Vec<_>>(), self.style());
        let power = scaling::exponent(points)
            .map_or(String::new(), |power| format!("\ntime grows as (B·C)^{power:.2}\n"));
        print(&format!("{loss}, {}\n\n{table}{power}\n", words(threads, "thread")))
    }
}

/// Warns where a peer's loss is another one.
fn differs(peer: &str, loss: &str, ours: f64, theirs: f64) {
    // f32, summed over very many classes in another order.
    if (ours - theirs).abs() > 1e-4 * ours.abs().max(1.0) {
        say(&format!("warning: {peer} says that `{loss}` is {theirs} on these inputs, marlo {ours}"));
    }
}

fn words(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
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
