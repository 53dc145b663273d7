//! What to do next, held open while there is nothing.

use super::Caller;
use crate::{
    extract::QueryOf,
    refusal::Refusal,
    state::Control,
    view::{in_production, not_whole},
};
use axum::{Json, extract::State};
use catalog::{AgentSession, HeldTask, Subject};
use protocol::{MachineId, Problem, agent::Task, job::Step};
use serde::Deserialize;
use std::time::Duration;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, timeout_at},
};

/// Longest time that a question is held open.
const WAIT_MAX: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
pub(super) struct Patience {
    #[serde(default)]
    wait_seconds: u64,
}

/// What to do next. When there is nothing new, the answer comes as soon as something concerns the machine, or when the
/// agent's patience ends.
pub(super) async fn next_task(
    State(control): State<Control>,
    Caller(session): Caller,
    QueryOf(Patience { wait_seconds }): QueryOf<Patience>,
) -> Result<Json<Task>, Refusal> {
    let deadline = Instant::now() + Duration::from_secs(wait_seconds).min(WAIT_MAX);
    // Listens before it asks: what happens in between is not missed.
    let mut events = control.hub().subscribe();
    let mut stopping = control.hub().stopping();
    loop {
        let held = control
            .blocking(move |control| whole_task(control, &session))
            .await?;
        if !held.hold {
            return Ok(Json(held.task));
        }
        let news = timeout_at(
            deadline,
            something_about(session.machine, held.near_turn, &mut events),
        );
        tokio::select! {
            news = news => if news.is_err() { return Ok(Json(held.task)) },
            () = stopping.wait() => return Ok(Json(held.task)),
        }
    }
}

/// What to do next, but for restores of masters that are not whole: those have failed, before a disk was touched for them.
fn whole_task(control: &Control, session: &AgentSession) -> catalog::Result<HeldTask> {
    loop {
        let held = control.catalog().next_task(session)?;
        let Task::Run(assignment) = &held.task else {
            return Ok(held);
        };
        let Step::Restore { master, .. } = &assignment.step else {
            return Ok(held);
        };
        match control.depot().check_complete(master) {
            // What passes is not held against the master.
            Err(problem) if problem.status != 503 => {
                let problem = not_whole(master, problem);
                tracing::warn!(machine = %session.machine, job = %assignment.job, %problem, "a restore was refused");
                control.catalog().refuse_step(session, assignment, problem)?;
                continue;
            }
            _ => {}
        }
        // The signature may have gone, or the rule come, since the job was made.
        // One that has begun ends: half a system helps nobody.
        let is_allowed = assignment.resumed
            || !control.catalog().job_rules().production_only
            || in_production(control, master);
        if is_allowed {
            return Ok(held);
        }
        let problem = Problem::new(
            "master-not-production",
            format!("{master} is not in production any more, and this site restores nothing else"),
            "countersign it with the production key, or choose another version, then try again",
        );
        tracing::warn!(machine = %session.machine, job = %assignment.job, %problem, "a restore was refused");
        control.catalog().refuse_step(session, assignment, problem)?;
    }
}

/// Returns when something happened to the machine, or may have.
async fn something_about(machine: MachineId, near_turn: bool, events: &mut Receiver<catalog::Event>) {
    loop {
        match events.recv().await {
            Ok(event) if event.seq.is_some() && concerns(&event.subject, machine, near_turn) => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            // The catalog's teller is gone: only the deadline is left.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// For a machine whose turn is near, the end of any other's work may be it.
fn concerns(subject: &Subject, machine: MachineId, near_turn: bool) -> bool {
    match subject {
        Subject::JobMachine { .. } if near_turn => true,
        Subject::Machine { id } | Subject::JobMachine { machine: id, .. } => *id == machine,
        _ => false,
    }
}
