//! Judged against archives of distributions: images as people build them, for this machine's architecture and for others, until they
//! boot under QEMU.
//!
//! In: the program and Debian's archive. Out: verdicts. Never: an image built twice where tests can share one.

mod foreign;
mod overcloud;
mod red_hat;
mod upstream;
