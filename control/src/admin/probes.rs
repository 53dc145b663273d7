//! What monitoring asks: is it well, and how much of everything.

use crate::{extract::bearer, refusal::Refusal, state::Control};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::fmt::Write;

/// Whether the appliance can do its work: it reads its catalog. Open, because it tells nothing else.
pub(super) async fn health(State(control): State<Control>) -> Result<&'static str, Refusal> {
    control
        .blocking(|control| control.catalog().newest_event())
        .await?;
    Ok("ok\n")
}

/// Figures in the Prometheus text format, for whoever has the configured token.
pub(super) async fn metrics(State(control): State<Control>, headers: HeaderMap) -> Result<Response, Refusal> {
    let token = control.metrics_token().ok_or_else(Refusal::no_route)?;
    if !bearer(&headers).is_some_and(|shown| is_same(shown, token)) {
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "no-metrics-token",
            "metrics need their token",
            "send Authorization: Bearer with the token of the appliance's configuration",
        ));
    }
    let text = control.blocking(render).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

fn render(control: &Control) -> Result<String, Refusal> {
    let figures = control.catalog().figures()?;
    let state = control.appliance().state();
    let mut text = String::new();
    let mut line = |name: &str, kind: &str, help: &str, values: &[(String, u64)]| {
        // Writing to a string never fails.
        let _ = writeln!(text, "# HELP amorce_{name} {help}\n# TYPE amorce_{name} {kind}");
        for (labels, value) in values {
            let _ = writeln!(text, "amorce_{name}{labels} {value}");
        }
    };
    let one = |value| vec![(String::new(), value)];
    line(
        "machines",
        "gauge",
        "Machines with a record.",
        &one(figures.machines),
    );
    line(
        "agents_connected",
        "gauge",
        "Agents heard of within two minutes.",
        &one(figures.agents_connected),
    );
    let states: Vec<_> = figures
        .job_machines
        .iter()
        .map(|(state, count)| (format!("{{state=\"{state}\"}}"), *count))
        .collect();
    line("job_machines", "gauge", "Machines in jobs, by state.", &states);
    line(
        "data_bytes_total",
        "gauge",
        "Size of the data filesystem.",
        &one(state.data.bytes_total),
    );
    line(
        "data_bytes_free",
        "gauge",
        "Room left on it.",
        &one(state.data.bytes_free),
    );
    line(
        "events_total",
        "counter",
        "Events since the catalog was made.",
        &one(figures.events),
    );
    Ok(text)
}

/// Compares in a time that does not tell where they differ.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one
            .bytes()
            .zip(other.bytes())
            .fold(0, |acc, (a, b)| acc | (a ^ b))
            == 0
}
