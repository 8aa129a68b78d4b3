//! Judged on one machine: builds of a tiny operating system, the writers of filesystems and containers, and attacks on all of them.
//! The judges are other people's programs. One binary, because each of thirty would be linked with the whole program.
//!
//! In: the program, root or user namespaces, the tools of `scripts/install-tools test`. Out: verdicts. Never: the network.

mod answers;
mod archives;
mod bad_input;
mod bad_machine;
mod boot_images;
mod boot_lines;
mod boot_menu;
mod capture;
mod commit;
mod container_engines;
mod containers;
mod contract;
mod cpio;
mod dib_agreement;
mod dib_disks;
mod dib_environment;
mod dib_fronts;
mod disk;
mod downloads;
mod edits;
mod engine;
mod escapes;
mod ext4;
mod fat;
mod first_run;
mod foreign_files;
mod given;
mod glance;
mod holes;
mod hostile_hooks;
mod hostile_images;
mod hostile_shell;
mod hostile_terminal;
mod ironic;
mod kept;
mod kill;
mod limits;
mod lint;
mod loaders;
mod members;
mod network;
mod no_loop_no_mount;
mod packages;
mod resolv_conf;
mod rpm;
mod same_bytes;
mod sandbox;
mod scan;
mod show;
mod static_files;
mod store;
mod terminal;
mod warm_is_cold;
