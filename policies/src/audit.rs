//! What auditors ask: one file per question.

pub mod cases;
pub mod export;
pub mod matrix;
pub mod reach;
mod rights;
