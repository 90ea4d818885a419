//! What is measured in this process is measured several times, and the middle one counts.

use crate::table::median;
use anyhow::Result;

/// Rounds, of which the middle one counts. The first one, for warming up, is thrown away.
pub(crate) const ROUNDS: usize = 7;

/// The median of several rounds.
pub(crate) async fn of(round: impl AsyncFn() -> Result<f64>) -> Result<f64> {
    let nothing = async || Ok(0.0);
    Ok(beside(round, nothing).await?.0)
}

/// The medians of several rounds of two that take turns: what disturbs the machine disturbs both.
pub(crate) async fn beside(
    one: impl AsyncFn() -> Result<f64>,
    other: impl AsyncFn() -> Result<f64>,
) -> Result<(f64, f64)> {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (a, b) = (one().await?, other().await?);
        if round > 0 {
            ones.push(a);
            others.push(b);
        }
    }
    Ok((median(ones), median(others)))
}
