//! What is measured in this process is measured in several rounds, and the fastest one counts: it is
//! work of one thread that waits for nobody, so that whatever else the machine does can only add to
//! it. On a machine that is shared the medians of two runs differed by as much as two.

use anyhow::Result;

/// Rounds, of which the fastest counts.
pub(crate) const ROUNDS: usize = 21;

/// The fastest of several rounds.
pub(crate) async fn of(round: impl AsyncFn() -> Result<f64>) -> Result<f64> {
    let nothing = async || Ok(0.0);
    Ok(beside(round, nothing).await?.0)
}

/// The fastest of several rounds of each of two, which take turns: what disturbs the machine
/// disturbs both.
pub(crate) async fn beside(
    one: impl AsyncFn() -> Result<f64>,
    other: impl AsyncFn() -> Result<f64>,
) -> Result<(f64, f64)> {
    let (mut fastest, mut fastest_other) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        fastest = fastest.min(one().await?);
        fastest_other = fastest_other.min(other().await?);
    }
    Ok((fastest, fastest_other))
}
