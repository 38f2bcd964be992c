//! What Vestibule costs, against baselines in the same run.
//!
//! [`sites`] makes sites of any size for the benches and for the end-to-end run; [`load`] is that
//! run: it starts the gateway and what it is held against, loads them in turn and reports.
//! Nothing here asserts a time. `README.md` says how to run it and how to read it.

pub mod load;
pub mod sites;
