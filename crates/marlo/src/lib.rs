//! The library a user depends on and the command-line program.
