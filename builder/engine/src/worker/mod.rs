//! The process that builds one image, in namespaces of its own, and what the person's process has to do with it. dib does everything as
//! root in one process; here what runs hooks can neither reach the person's files nor ask the network in the person's name.
//!
//! The two processes are the same program. What crosses between them is data: a job in, events and one reply out. So neither can hold
//! anything that the other still has, and the end of either is the end of both.
//!
//! In: a job. Out: events, and a reply. Never: the person's identity inside; a worker left running outside.

pub(crate) mod client;
pub mod job;
mod main;

pub use main::work;
