//! The limits of the machine, as contenders among others and as rates.

use std::cell::RefCell;
use std::time::Duration;

use marlo_native::isa::Instructions;
use marlo_native::limits::{self, Stores};

use super::{BenchError, Contender, Effort, Measurement, Work, interleave};

/// What a step of a given [`Work`] takes at the least, by the machine's limits: seconds for each byte, cell and operation,
/// where they were measured.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Seconds a byte that is copied with ordinary stores; a number that is copied counts twice.
    pub copy: Option<f64>,
    /// Seconds a byte that is copied with stores past the caches.
    pub stream: Option<f64>,
    /// Seconds an exponential in the first-level cache.
    pub exponential: Option<f64>,
    /// Seconds an operation of multiply-adds in registers.
    pub flop: Option<f64>,
}

/// The name of a copy among measurements, by the processor or by a GPU.
pub const COPY: &str = "copy";

/// The names of the limits in a table.
const NAMES: [&str; 4] = [COPY, "streaming copy", "exponentials", "multiply-adds"];

impl Limits {
    /// Those among the measurements.
    pub fn among(found: &[Measurement]) -> Limits {
        let named = |name: &str| found.iter().find(|found| found.name == name);
        let byte = |name: &str| named(name).map(|found| found.median / found.work.bytes as f64);
        Limits {
            copy: byte(NAMES[0]),
            stream: byte(NAMES[1]),
            exponential: named(NAMES[2]).map(|found| found.median / found.work.cells as f64),
            flop: named(NAMES[3]).map(|found| found.median / found.work.flops as f64),
        }
    }

    /// How many times as long as each limit something takes: copy, streaming copy, exponentials, operations.
    pub fn ratios(&self, of: &Measurement) -> [Option<f64>; 4] {
        let ratio = |limit: Option<f64>, amount: u64| {
            limit.filter(|_| amount > 0).map(|limit| of.median / (limit * amount as f64))
        };
        let Work { cells, bytes, flops } = of.work;
        [
            ratio(self.copy, bytes),
            ratio(self.stream, bytes),
            ratio(self.exponential, cells),
            ratio(self.flop, flops),
        ]
    }
}

/// A copy of the matrix to the gradient's buffer, which was touched before, by both kinds of stores; and one exponential a
/// cell.
pub fn of_rows<'a>(from: &'a [f32], to: &'a RefCell<Vec<Vec<f32>>>) -> Vec<Contender<'a>> {
    let instructions = Instructions::detect();
    let cells = from.len() as u64;
    let copy = |name: &str, stores: Stores| {
        let work = Work { cells: 0, bytes: 8 * cells, flops: 0 };
        Contender::new(name, work, move || {
            limits::copy(instructions, from, &mut to.borrow_mut()[0], stores);
            Ok(())
        })
    };
    vec![copy(NAMES[0], Stores::Ordinary), copy(NAMES[1], Stores::Streaming), exponentials(cells)]
}

/// At least that many exponentials in the first-level cache.
pub fn exponentials(cells: u64) -> Contender<'static> {
    let instructions = Instructions::detect();
    // In whole pieces: none would be 0.
    let cells = limits::exponentials(instructions, cells.max(1));
    Contender::new(NAMES[2], Work { cells, bytes: 0, flops: 0 }, move || {
        limits::exponentials(instructions, cells);
        Ok(())
    })
}

/// At least that many multiplications and additions in registers, with those instructions.
pub fn multiply_adds(instructions: Instructions, flops: u64) -> Contender<'static> {
    let flops = limits::multiply_adds(instructions, flops.max(1));
    Contender::new(NAMES[3], Work { cells: 0, bytes: 0, flops }, move || {
        limits::multiply_adds(instructions, flops);
        Ok(())
    })
}

/// What the processor reaches at best with some number of threads.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Peak {
    /// The number of threads.
    pub threads: usize,
    /// Exponentials a second.
    pub exponentials: f64,
    /// Multiplications and additions a second.
    pub flops: f64,
}

impl Peak {
    /// Measures it in about that time, on the threads of the current rayon pool.
    ///
    /// # Errors
    /// None of its steps fails.
    pub fn measure(budget: Duration) -> Result<Peak, BenchError> {
        let mut contenders = vec![exponentials(4_000_000)];
        // The widest instructions are not always the fastest.
        contenders.extend(Instructions::available().into_iter().map(|wide| multiply_adds(wide, 100_000_000)));
        let each = Effort::Budget(budget).part(contenders.len());
        interleave(&mut contenders, each)?;
        let found: Vec<Measurement> = contenders.iter().map(Contender::measurement).collect();
        Ok(Peak {
            threads: rayon::current_num_threads(),
            exponentials: found[0].work.cells as f64 / found[0].fastest,
            flops: found[1..].iter().map(|f| f.work.flops as f64 / f.fastest).fold(0.0, f64::max),
        })
    }
}

/// The number of threads of all programs that ran, or waited for a processor or a disk, on average in the last minute, where
/// the system tells it (Linux's load average). Those of this program are among them.
pub fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// The processor's name, where the system tells it.
pub fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_relative_to_the_same_work() {
        let limit = |name: &str, work: Work| Measurement::of(name, work, vec![1.0]);
        let found = [
            limit("copy", Work { bytes: 100, ..Work::default() }),
            limit("streaming copy", Work { bytes: 200, ..Work::default() }),
            limit("exponentials", Work { cells: 10, ..Work::default() }),
        ];
        let limits = Limits::among(&found);
        let two_centres = Measurement::of("x", Work { cells: 20, bytes: 200, flops: 7 }, vec![6.0]);
        assert_eq!(limits.ratios(&two_centres), [Some(3.0), Some(6.0), Some(3.0), None]);
        assert_eq!(limits.ratios(&found[0]), [Some(1.0), Some(2.0), None, None]);
    }

    #[test]
    fn the_peak_is_found() {
        let peak = Peak::measure(Duration::from_millis(5)).expect("nothing fails");
        assert!(peak.exponentials > 0.0 && peak.flops > 0.0 && peak.threads > 0);
        assert!(!processor().is_empty());
    }
}
