//! `marlo bench`: how fast losses run, beside the limits of the machine and beside other implementations.

mod args;
mod gpu;
mod head;
mod peers;
mod scaling;

use std::time::Duration;

use marlo::bench::inputs::Cosines;
use marlo::bench::limits::{self, Peak, processor};
use marlo::bench::rows::{Case, buffers};
use marlo::bench::table::{self, Line, Note, Style, digits, grid};
use marlo::bench::{BenchError, Contender, Effort, Limits, Measurement, Work, interleave};
use marlo::loss::Loss;
use marlo::specs;
use marlo_native::Library;
use marlo_native::isa::Instructions;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::{Map, Value, json};

pub(crate) use self::args::Args;
use self::args::{BASE, Choice, Size, Workload, refuse, refuse_losses};
use self::peers::Others;
use super::error::CliError;
use super::{print, say, spec};

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
    refuse_losses(args, &losses)?;
    let mut bench =
        Bench { args, losses, device: words(threads, "thread"), threads, context: context(args, threads) };
    match args.scaling {
        true => bench.scaling(),
        false if args.backend == Choice::Wgpu => bench.on_gpu(),
        false => pool(threads)?.install(|| match args.workload {
            Workload::Rows => bench.rows(),
            Workload::Head => bench.head(),
        }),
    }
}

fn pool(threads: usize) -> Result<ThreadPool, BenchError> {
    let made = ThreadPoolBuilder::new().num_threads(threads).build();
    made.map_err(|error| BenchError::Threads { threads, reason: error.to_string() })
}

/// What stands in every JSON object; a GPU adds its name.
fn context(args: &Args, threads: usize) -> Map<String, Value> {
    let mut context = Map::from_iter([
        ("workload".to_owned(), args.workload.name().into()),
        ("backend".to_owned(), if args.backend == Choice::Wgpu { "wgpu" } else { "native" }.into()),
        ("seed".to_owned(), args.seed.into()),
    ]);
    if args.backend == Choice::Native {
        context.insert("instructions".into(), Instructions::detect().name().into());
        context.insert("threads".into(), threads.into());
    }
    context
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

/// What peers answered.
#[derive(Default)]
struct Theirs {
    /// Their measurements, each with the line that it is compared with.
    found: Vec<(String, Measurement)>,
    /// Who was left out and why, and whose loss is another one.
    notes: Vec<Note>,
}

/// What is measured, and how it is told.
struct Bench<'a> {
    args: &'a Args,
    losses: Vec<Loss>,
    threads: usize,
    /// What computes, as a heading says it: so many threads, or the name of a GPU.
    device: String,
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
                "note: {} threads ran or waited to run on average in the last minute (the system's load, to which this \
                 program adds): where others still do, times are too long, those of peers too",
                digits(load)
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
        let mut theirs = Theirs::default();
        match others {
            None => interleave(contenders, self.effort())?,
            // Half before the peers and half after them: what else the machine does changes with time.
            Some(others) => {
                interleave(contenders, self.effort().part(2))?;
                theirs = self.ask(others, ours);
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

    /// Prints the limits, the losses relative to the first one, or else what the peers need relative to theirs.
    fn tell(
        &self,
        size: &[usize],
        limits: &[Measurement],
        losses: &[Measurement],
        theirs: &Theirs,
    ) -> Result<(), CliError> {
        let peers = &theirs.found;
        let relative = if peers.is_empty() { self.losses[0].name.as_str() } else { "marlo" };
        let of_loss = |measurement: &Measurement| Line {
            relative: losses
                .first()
                .filter(|_| peers.is_empty())
                .and_then(|first| measurement.relative_to(first)),
            measurement: measurement.clone(),
        };
        let of_peer = |(line, measurement): &(String, Measurement)| {
            let ours = losses.iter().find(|ours| ours.name == *line);
            let relative = ours.and_then(|ours| measurement.relative_to(ours));
            Line { relative, measurement: measurement.clone() }
        };
        let lines = limits.iter().cloned().map(Line::from).chain(losses.iter().map(of_loss));
        let lines: Vec<Line> = lines.chain(peers.iter().map(of_peer)).collect();
        let limits = Limits::among(limits);
        if self.args.json {
            let mut context = self.context.clone();
            context.insert("size".into(), json!(size));
            let lines = lines.iter().map(|line| table::json(line, &limits, &context));
            let notes = theirs.notes.iter().map(|note| table::json_note(note, &context));
            return lines.chain(notes).try_for_each(|object| print(&format!("{object}\n")));
        }
        let size = size.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
        let workload = self.args.workload.name();
        let table = table::table(&lines, &limits, relative, self.style());
        let notes = table::notes(&theirs.notes, self.style());
        print(&format!("{workload}: {size}, f32, {}\n\n{table}{notes}", self.device))
    }
}

fn words(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
