//! How long criterion measures.

use std::time::Duration;

use criterion::Criterion;

/// Short, so that all functions at all sizes take minutes.
pub(crate) fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .sample_size(15)
        .nresamples(2_000)
        .without_plots()
}
