//! Numbers of several seeds as one: a mean, and how far it may be off.

use super::compare::Run;

/// A mean with the half width of its 95 % interval (Student's t over seeds); no half width for one value.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// The half width.
    pub half_width: Option<f64>,
}

/// The 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom.
const QUANTILES: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

impl Mean {
    /// Of values; none where there is none.
    pub fn of(values: &[f64]) -> Option<Mean> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let half_width = (count > 1).then(|| {
            let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
            let deviation = (squares / (count - 1) as f64).sqrt();
            QUANTILES[(count - 2).min(29)] * deviation / (count as f64).sqrt()
        });
        Some(Mean { mean, half_width })
    }
}

/// A column of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Its name.
    pub name: String,
    /// Whether it is a share, shown in per cent.
    pub is_share: bool,
    /// Whether more is better; none where neither is.
    pub more_is_better: Option<bool>,
}

/// What is measured in a run; the same measures for all runs of one set of images.
pub fn measures(run: &Run) -> Vec<(Measure, f64)> {
    let mut found = Vec::new();
    let mut put = |name: String, is_share: bool, more_is_better: Option<bool>, value: f64| {
        found.push((Measure { name, is_share, more_is_better }, value));
    };
    let report = &run.report;
    for one in &report.verification {
        put(format!("ten folds ({})", one.protocol.name()), true, Some(true), one.mean);
    }
    if let Some(curve) = &report.curve {
        put("AUC".into(), false, Some(true), curve.auc);
        put("EER".into(), true, Some(false), curve.eer);
        for at in &curve.tar_at_far {
            put(format!("TAR at FAR {:e}", at.target), true, Some(true), at.tar);
        }
    }
    for (_, cmc, ranks) in &report.identification {
        for &rank in ranks {
            put(format!("rank-{rank}"), true, Some(true), cmc.rate(rank));
        }
    }
    for at in &report.open_set {
        put(format!("TPIR at FPIR {:e}", at.target), true, Some(true), at.tpir);
    }
    if let Some(last) = run.history.last() {
        put("target angle".into(), false, None, last.target_angle);
    }
    put("seconds".into(), false, Some(false), run.seconds);
    found
}

/// The measures of several runs, each as a mean.
pub fn means(runs: &[Run]) -> Vec<(Measure, Mean)> {
    let all: Vec<Vec<(Measure, f64)>> = runs.iter().map(measures).collect();
    let first = all.first().cloned().unwrap_or_default();
    let mean = |measure: &Measure| {
        let of = |run: &Vec<(Measure, f64)>| run.iter().find(|one| one.0 == *measure).map(|one| one.1);
        Mean::of(&all.iter().filter_map(of).collect::<Vec<f64>>())
    };
    first.into_iter().filter_map(|(measure, _)| mean(&measure).map(|mean| (measure, mean))).collect()
}

impl Measure {
    /// A mean as it stands in a table.
    pub fn show(&self, mean: Mean) -> String {
        let (scale, digits) = match (self.is_share, mean.mean.abs() >= 10.0) {
            (true, _) => (100.0, 2),
            (false, true) => (1.0, 1),
            (false, false) => (1.0, 4),
        };
        let half = mean.half_width.map(|half| format!(" ± {:.digits$}", scale * half)).unwrap_or_default();
        format!("{:.digits$}{half}{}", scale * mean.mean, if self.is_share { " %" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::Mean;

    #[test]
    fn means_have_intervals_of_students_t() {
        assert_eq!(Mean::of(&[]), None);
        assert_eq!(Mean::of(&[2.0]), Some(Mean { mean: 2.0, half_width: None }));
        // Deviation 1, over three values.
        let found = Mean::of(&[1.0, 2.0, 3.0]).expect("there are some");
        assert_eq!(found.mean, 2.0);
        assert!((found.half_width.expect("there are three") - 4.303 / 3.0_f64.sqrt()).abs() < 1e-12);
    }
}
