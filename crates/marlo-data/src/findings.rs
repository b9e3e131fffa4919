//! What makes a set of images doubtful for training: a report to warn by, or to refuse by.

use std::fmt;

use crate::ImageSet;
use crate::folder::{Size, Skipped, SkippedKind};

/// The names that a line of the report lists, at most.
const LISTED: usize = 5;

/// What was found in a set of images and on the way to it; each part is empty where all is well.
///
/// As text: a line for each kind of finding, nothing where there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Files that could not be read as images.
    pub unreadable: Vec<Skipped>,
    /// Identities' folders without a readable image: they are no classes.
    pub empty: Vec<Skipped>,
    /// Files and folders that are out of place.
    pub stray: Vec<Skipped>,
    /// The classes with one image only: they have no genuine pair, and none to hold out.
    pub single: Vec<String>,
    /// The sizes that the images had, where there was more than one: all were resized to the first.
    pub sizes: Vec<Size>,
    /// How many images lost their colours.
    pub coloured: usize,
}

impl Findings {
    pub(crate) fn new(images: &ImageSet, skipped: &[Skipped], sizes: &[Size], coloured: usize) -> Self {
        let of = |kind| skipped.iter().filter(|skipped| skipped.kind == kind).cloned().collect();
        let named = images.counts().into_iter().zip(images.class_names());
        Self {
            unreadable: of(SkippedKind::Unreadable),
            empty: of(SkippedKind::EmptyIdentity),
            stray: of(SkippedKind::Stray),
            single: named.filter(|(count, _)| *count == 1).map(|(_, name)| name.clone()).collect(),
            sizes: if sizes.len() > 1 { sizes.to_vec() } else { Vec::new() },
            coloured,
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = |s: &Skipped| format!("{} ({})", s.path.display(), s.reason);
        let folder = |s: &Skipped| s.path.display().to_string();
        let size = |s: &Size| format!("{} of {} x {}", s.images, s.width, s.height);
        line(f, "file(s) that are no readable image", &self.unreadable, file)?;
        line(f, "identity folder(s) without a readable image", &self.empty, folder)?;
        line(f, "file(s) or folder(s) out of place", &self.stray, folder)?;
        line(f, "identity(ies) with a single image", &self.single, String::clone)?;
        line(f, "sizes of images, all resized to the first", &self.sizes, size)?;
        if self.coloured > 0 {
            writeln!(f, "{} coloured image(s), turned to grey", self.coloured)?;
        }
        Ok(())
    }
}

/// How many there are, what they are, and the first of them.
fn line<T>(f: &mut fmt::Formatter<'_>, what: &str, found: &[T], name: impl Fn(&T) -> String) -> fmt::Result {
    if found.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = found.iter().take(LISTED).map(name).collect();
    let more = if found.len() > LISTED { ", .." } else { "" };
    writeln!(f, "{} {what}: {}{more}", found.len(), names.join(", "))
}
