//! Waiting for a condition with a deadline: the one place where an end-to-end test lets time pass.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a condition is asked again.
const PACE: Duration = Duration::from_millis(15);

/// Asks `condition` until it gives `Some` or `limit` has passed. The error names `what` was waited for.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition().with_context(|| format!("while waiting for {what}"))? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("waited {:.1} s in vain for {what}", limit.as_secs_f32());
        }
        std::thread::park_timeout(PACE);
    }
}

/// [`until`] for a condition that is only true or false.
pub fn until_true(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<bool>,
) -> Result<()> {
    until(what, limit, || Ok(condition()?.then_some(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_value_as_soon_as_it_is_there() {
        let mut asked = 0;
        let value = until("three", Duration::from_secs(5), || {
            asked += 1;
            Ok((asked == 3).then_some(asked))
        });
        assert_eq!(value.unwrap(), 3);
    }

    #[test]
    fn says_what_was_waited_for() {
        let error = until_true("rain", Duration::from_millis(30), || Ok(false)).unwrap_err();
        assert!(error.to_string().contains("in vain for rain"), "{error}");
    }
}
