//! Judged without root, without the network and without other programs: plans, names, layouts, choices and what their errors say.
//!
//! In: texts and the program. Out: verdicts in seconds, for any user. Never: a sandbox, an image file, a foreign judge.

mod arch_table;
mod booting;
mod coming_from_dib;
mod dib_commands;
mod ids;
mod layout;
mod lint;
mod plans;
mod rows;
mod select;
mod sources;
mod targets;
