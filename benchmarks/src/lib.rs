//! What Vestibule costs, against baselines in the same run.
//!
//! [`sites`] makes sites of any size. [`load`] is the end-to-end run: it starts the gateway and
//! what it is held against, loads them in turn and reports. [`curve`] is the run inside the
//! process: decisions, loading and memory as sites grow, against other engines. [`guess`] is what a guesser of
//! names could learn from a clock. Nothing here asserts a time. `README.md` says how to run both and how to read them.

pub mod curve;
pub mod guess;
pub mod load;
mod machine;
pub mod sites;
mod statistics;
