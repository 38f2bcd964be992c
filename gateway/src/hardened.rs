//! What keeps secrets in the memory of this process (requirement S84), and a panic's words out of
//! the log (S83).

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Turns core dumps off, and other processes of the same user away from this one's memory.
pub(crate) fn against_dumps() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, none);
    let closed = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    for error in [limited, closed].into_iter().filter_map(Result::err) {
        tracing::warn!(%error, "core dumps can't be turned off: one would hold secrets");
    }
}

/// A panic is told with its place alone: its message may hold anything.
pub(crate) fn against_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(tracing::field::display);
        tracing::error!(place, "the program met a mistake of its own");
    }));
}
