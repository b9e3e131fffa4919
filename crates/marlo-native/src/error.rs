//! What a kernel refuses.

/// Inputs that don't fit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NativeError {
    /// No rows, or no classes.
    #[error("the batch is empty: {rows} rows and {classes} classes; give at least one of each")]
    Empty {
        /// Rows found.
        rows: usize,
        /// Classes found.
        classes: usize,
    },
    /// Another number of things than wanted.
    #[error("{found} {what} were given, but {wanted} are wanted")]
    Count {
        /// The things.
        what: String,
        /// Wanted.
        wanted: usize,
        /// Found.
        found: usize,
    },
    /// An array that is too short.
    #[error("{what} is {found} long, but must be at least {wanted}")]
    TooShort {
        /// The array.
        what: String,
        /// Wanted.
        wanted: usize,
        /// Found.
        found: usize,
    },
    /// A label that is no class.
    #[error("the label of row {row} is {label}, but the {classes} classes are numbered from 0 to {last}", last = .classes - 1)]
    Label {
        /// The row.
        row: usize,
        /// Its label.
        label: usize,
        /// The number of classes.
        classes: usize,
    },
    /// A head without classes, or of embeddings without length.
    #[error("a head needs classes and a dimension: it was given {classes} classes of dimension {dim}")]
    NoHead {
        /// The number of classes.
        classes: usize,
        /// The length of an embedding.
        dim: usize,
    },
    /// A bound for gradient filtering that is none.
    #[error("the error that gradient filtering may make is {error}: give a number above 0, or no filter")]
    Filter {
        /// What was given.
        error: f64,
    },
    /// Sampled classes that are not rising, or no classes.
    #[error("the sampled classes must be rising and below {classes}")]
    Sampled {
        /// The number of classes.
        classes: usize,
    },
    /// A label whose class is not among those sampled.
    #[error(
        "the label of row {row} is {label}, which is not among the sampled classes: sample with the labels"
    )]
    NotSampled {
        /// The row.
        row: usize,
        /// Its label.
        label: usize,
    },
}
