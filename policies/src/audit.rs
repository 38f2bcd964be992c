//! What auditors ask: one file per question.

pub mod cases;
pub mod export;
