//! What auditors ask: one file per question.

pub mod admission;
pub mod cases;
pub mod context;
pub mod documents;
pub mod explain;
pub mod export;
pub mod lint;
pub mod matrix;
pub mod probe;
pub mod reach;
pub mod reference;
mod rights;
mod syntax;
