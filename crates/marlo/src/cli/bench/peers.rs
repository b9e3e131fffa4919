//! Other implementations beside marlo.

use marlo::bench::peers::{Answer, Folder, Request, line};
use marlo::bench::table::Note;

use super::{Bench, CliError, Ours, Theirs, say};

/// The peers that are to run.
pub(super) struct Others {
    /// Where their inputs go.
    pub(super) folder: Folder,
    python: String,
    names: Vec<String>,
}

impl Bench<'_> {
    /// The peers that are to run, where they are wanted.
    pub(super) fn others(&self) -> Result<Option<Others>, CliError> {
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
            effort: self.effort(),
        }
    }

    /// Lets each peer run each loss, as it comes and tuned. One that fails is left out with a note.
    pub(super) fn ask(&self, others: &Others, ours: &[Ours]) -> Theirs {
        let request = self.request(others);
        let mut theirs = Theirs::default();
        for (number, Ours { loss, line: compared, work, value }) in ours.iter().enumerate() {
            // An interpreted loss has the same peers.
            if ours[..number].iter().any(|before| before.loss == *loss) {
                continue;
            }
            for peer in &others.names {
                for tuned in [false, true] {
                    let name = line(loss, peer, tuned);
                    say(&name);
                    match request.ask(peer, loss, *work, tuned) {
                        Answer::Skipped(reason) => {
                            theirs.notes.push(Note { name, text: format!("not measured: {reason}") });
                            break;
                        }
                        Answer::Measured(measurement, found) => {
                            let text = differs(*value, found);
                            theirs.notes.extend(text.map(|text| Note { name, text }));
                            theirs.found.push((compared.clone(), measurement));
                        }
                    }
                }
            }
        }
        theirs
    }
}

/// What is to be said of a peer's loss of the batch: that there is none, or that it is another one.
fn differs(ours: f64, theirs: Option<f64>) -> Option<String> {
    let Some(theirs) = theirs else {
        return Some("computes no loss, so that there is none to compare".into());
    };
    // f32, summed over very many classes in another order. NaN is never near.
    let near = (ours - theirs).abs() <= 1e-4 * ours.abs().max(1.0);
    (!near).then(|| format!("its loss of the batch is {theirs}, marlo's {ours}: it computes something else"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_compared() {
        assert_eq!(differs(12.5, Some(12.5001)), None);
        for (theirs, wanted) in [
            (Some(13.0), "is 13,"),
            (Some(f64::NAN), "is NaN,"),
            (Some(f64::INFINITY), "is inf,"),
            (None, "no loss"),
        ] {
            let text = differs(12.5, theirs).unwrap_or_default();
            assert!(text.contains(wanted), "{theirs:?}: {text}");
        }
        assert!(differs(f64::NAN, Some(1.0)).is_some());
    }
}
