//! Figures of shipped losses, published ones and contrived ones: their numbers, and the files that hold them.

mod common;
mod figures;
mod files;
