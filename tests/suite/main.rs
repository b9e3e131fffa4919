//! The whole compiler against its oracles: one binary, a module a subject.

mod agreement;
mod combinations;
mod corpus;
mod docs;
mod forms;
mod formulas;
mod fuzz;
mod gpu_head;
mod gradient;
mod head;
mod inputs;
mod language;
mod mutation;
mod native;
mod operations;
mod oracle;
mod programs;
mod ranges;
mod real;
mod shaders;
mod typed;
mod verify;
mod zoo;
