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
}
