//! Waiting for a condition.

use std::time::Duration;

/// Asks again and again until there is an answer.
///
/// # Panics
/// If there is none within the time, with what was waited for.
pub async fn eventually<T>(
    within: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let mut ticks = tokio::time::interval(Duration::from_millis(15));
    let asked = async {
        loop {
            ticks.tick().await;
            if let Some(answer) = probe().await {
                return answer;
            }
        }
    };
    let answered = tokio::time::timeout(within, asked).await;
    answered.unwrap_or_else(|_| panic!("not within {within:?}: {what}"))
}
