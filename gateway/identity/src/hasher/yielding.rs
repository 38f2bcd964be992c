//! A thread that gets what others leave.

/// Runs work on a thread of its own that gives way to all others, and waits for it. None if the
/// system gives no thread, or the work panicked.
///
/// A thread costs some microseconds, a hash many milliseconds; and what was given way once can't be
/// taken back without a privilege, so that no thread of the runtime may do it.
pub(super) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("vestibule-hash".to_owned());
        let started = thread.spawn_scoped(scope, || {
            give_way();
            work()
        });
        started.ok()?.join().ok()
    })
}

/// Lets every other thread go first, at once (`SCHED_IDLE`, sched(7)): the highest niceness alone
/// leaves a thread its slice of some milliseconds, which a picture's answer would wait for. Where
/// the system does not allow that, nothing is lost but it.
#[cfg(target_os = "linux")]
fn give_way() {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
}

/// Elsewhere: with the least priority that there is.
#[cfg(not(target_os = "linux"))]
fn give_way() {
    let _ = thread_priority::set_current_thread_priority(thread_priority::ThreadPriority::Min);
}
