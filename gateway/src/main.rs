//! Vestibule.
fn main() {}
