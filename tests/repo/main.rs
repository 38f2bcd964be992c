//! About the repository.
