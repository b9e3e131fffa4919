//! Conformance across backends, oracles, snapshots and bad input: see the suite beside this file.
