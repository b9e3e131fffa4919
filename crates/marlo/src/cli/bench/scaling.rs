//! Curves over the batch and the classes.

use marlo::bench::inputs::Cosines;
use marlo::bench::scaling::{self, Point};
use marlo::bench::table::{self, Line, digits, grid};
use serde_json::json;

use super::{Bench, CliError, pool, print, say, words};

impl Bench<'_> {
    /// Every loss at every size, with one thread and with all.
    pub(super) fn scaling(&self) -> Result<(), CliError> {
        self.machine()?;
        let mut counts = vec![1, self.threads];
        counts.dedup();
        let pools = counts.iter().map(|threads| pool(*threads)).collect::<Result<Vec<_>, _>>()?;
        let (mut points, mut names): (Vec<(usize, Point)>, Vec<String>) = Default::default();
        for (rows, classes) in scaling::sizes(scaling::MOST_CELLS) {
            let cosines = Cosines::draw(rows, classes, self.args.seed);
            let mut cases = self.cases(&cosines)?;
            names = cases.iter().map(|(name, _)| name.clone()).collect();
            for (threads, pool) in counts.iter().zip(&pools) {
                let measure = || scaling::measure(&mut cases, &cosines, self.effort());
                points.extend(pool.install(measure)?.into_iter().map(|point| (*threads, point)));
            }
            say(&format!("measured {rows} × {classes}"));
        }
        for name in &names {
            for threads in &counts {
                let of =
                    |(count, point): &&(usize, Point)| count == threads && point.measurement.name == *name;
                let curve: Vec<&Point> = points.iter().filter(of).map(|found| &found.1).collect();
                self.curve(name, *threads, &curve)?;
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
            .map_or(String::new(), |power| format!("\ntime grows as (B·C)^{}\n", digits(power)));
        print(&format!("{loss}, {}\n\n{table}{power}\n", words(threads, "thread")))
    }
}
