//! One page's stream: what it missed, then what happens.

use crate::{
    admin::{guard::Caller, permission},
    refusal::Refusal,
    state::Control,
    view::{Job, JobMachine, Machine, Master, RefusalEvent, Settings},
};
use bytes::Bytes;
use catalog::{Event, Reach, Rights, Scope, Subject};
use serde::Serialize;
use std::{collections::HashMap, convert::Infallible, fmt::Write, time::Duration};
use tokio::{
    sync::{
        broadcast::{
            Receiver,
            error::{RecvError, TryRecvError},
        },
        mpsc::Sender,
    },
    time::timeout,
};

const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that are read from the catalog at once.
const REPLAY: u32 = 500;
/// Live events that are taken together: of one object, only its state now is sent.
const BATCH: usize = 256;

type Piece = Result<Bytes, Infallible>;

/// Sends events until the page is gone, the person logged out, or the appliance stops.
pub(super) async fn follow(control: Control, caller: Caller, seen: Option<i64>, sender: Sender<Piece>) {
    let mut stopping = control.hub().stopping();
    let work = Stream {
        control: control.clone(),
        caller,
        sender,
    }
    .run(seen);
    tokio::select! {
        outcome = work => if let Err(End::Failed(refusal)) = outcome {
            tracing::warn!(problem = %refusal.problem(), "a stream of events ended");
        },
        () = stopping.wait() => {}
    }
}

struct Stream {
    control: Control,
    caller: Caller,
    sender: Sender<Piece>,
}

enum End {
    /// The page closed it, or the person is no longer logged in.
    Left,
    Failed(Refusal),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal)
    }
}

impl Stream {
    async fn run(self, seen: Option<i64>) -> Result<(), End> {
        // Listens before it reads: what happens in between comes twice and is sent once.
        let mut events = self.control.hub().subscribe();
        let mut last = match seen {
            Some(seen) => self.replay(seen, true).await?,
            None => {
                let newest = self
                    .control
                    .blocking(|control| control.catalog().newest_event())
                    .await?;
                self.send(format!("id: {newest}\nevent: ready\ndata: {{}}\n\n"))
                    .await?;
                newest
            }
        };
        loop {
            match timeout(HEARTBEAT, events.recv()).await {
                Err(_) => self.beat().await?,
                Ok(Ok(event)) => {
                    let mut batch = vec![event];
                    let lagged = drain(&mut events, &mut batch);
                    batch.retain(|event| event.seq.is_none_or(|seq| seq > last));
                    last = batch.iter().filter_map(|event| event.seq).max().unwrap_or(last);
                    self.send_events(batch).await?;
                    if lagged {
                        last = self.replay(last, false).await?;
                    }
                }
                Ok(Err(RecvError::Lagged(_))) => last = self.replay(last, false).await?,
                Ok(Err(RecvError::Closed)) => return Err(End::Left),
            }
        }
    }

    /// Sends what was missed since the event with this number. The number of the last one.
    async fn replay(&self, seen: i64, greet: bool) -> Result<i64, End> {
        let mut last = seen;
        let mut greet = greet;
        loop {
            let from = last;
            let replay = self
                .control
                .blocking(move |control| control.catalog().events_after(from, REPLAY))
                .await?;
            if replay.gap {
                let newest = self
                    .control
                    .blocking(|control| control.catalog().newest_event())
                    .await?;
                self.send(format!("id: {newest}\nevent: reset\ndata: {{}}\n\n"))
                    .await?;
                return Ok(newest);
            }
            if std::mem::take(&mut greet) {
                self.send(format!("id: {last}\nevent: ready\ndata: {{}}\n\n"))
                    .await?;
            }
            last = replay.events.last().and_then(|event| event.seq).unwrap_or(last);
            self.send_events(replay.events).await?;
            if !replay.more {
                return Ok(last);
            }
        }
    }

    async fn send_events(&self, events: Vec<Event>) -> Result<(), End> {
        let events = latest_of_each(events);
        if events.is_empty() {
            return Ok(());
        }
        let credential = self.caller.credential.clone();
        let text = self
            .control
            .blocking(move |control| -> Result<_, Refusal> {
                // Asked anew each time: a stream lives longer than a role that was taken back.
                let rights = control.catalog().rights_of(&credential)?;
                rights.map(|rights| render(control, &rights, &events)).transpose()
            })
            .await?;
        self.send(text.ok_or(End::Left)?).await
    }

    /// Keeps the connection alive, and ends it when the person has logged out. Looking on keeps nobody logged in.
    async fn beat(&self) -> Result<(), End> {
        let credential = self.caller.credential.clone();
        let rights = self
            .control
            .blocking(move |control| control.catalog().rights_of(&credential))
            .await?;
        if rights.is_none() {
            return Err(End::Left);
        }
        self.send(":\n\n".to_owned()).await
    }

    async fn send(&self, text: String) -> Result<(), End> {
        if text.is_empty() {
            return Ok(());
        }
        self.sender
            .send(Ok(Bytes::from(text)))
            .await
            .map_err(|_| End::Left)
    }
}

/// Takes what else is waiting. Whether some of it was lost.
fn drain(events: &mut Receiver<Event>, batch: &mut Vec<Event>) -> bool {
    while batch.len() < BATCH {
        match events.try_recv() {
            Ok(event) => batch.push(event),
            Err(TryRecvError::Lagged(_)) => return true,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return false,
        }
    }
    false
}

/// Of events about the same object only the last, because it shows the object as it is now. A number stays with its object
/// even when only progress followed; refusals are all different.
fn latest_of_each(events: Vec<Event>) -> Vec<Event> {
    let mut places: HashMap<Subject, usize> = HashMap::new();
    let mut latest: Vec<Option<Event>> = Vec::with_capacity(events.len());
    for mut event in events {
        if !matches!(event.subject, Subject::Refusal { .. })
            && let Some(place) = places.insert(event.subject.clone(), latest.len())
        {
            let earlier = latest[place].take();
            event.seq = event.seq.or(earlier.and_then(|earlier| earlier.seq));
        }
        latest.push(Some(event));
    }
    let mut latest: Vec<Event> = latest.into_iter().flatten().collect();
    // Numbers rise in the stream, or a reconnecting page would miss what came between.
    latest.sort_by_key(|event| event.seq.unwrap_or(i64::MAX));
    latest
}

fn render(control: &Control, rights: &Rights, events: &[Event]) -> Result<String, Refusal> {
    let mut text = String::new();
    for event in events {
        if !permission::may_hear(rights, &event.subject) {
            continue;
        }
        let scope = rights.scope(permission::needed_for(&event.subject));
        if let Some((kind, data)) = render_one(control, &scope, event)? {
            if let Some(seq) = event.seq {
                // Writing to a string never fails.
                let _ = writeln!(text, "id: {seq}");
            }
            let _ = write!(text, "event: {kind}\ndata: {data}\n\n");
        }
    }
    Ok(text)
}

/// The kind and the object as it is now; `None` when it is gone, or out of reach.
fn render_one(
    control: &Control,
    scope: &Scope,
    event: &Event,
) -> Result<Option<(&'static str, String)>, Refusal> {
    let catalog = control.catalog();
    let reaches = |machine| catalog.reaches_machine(scope, machine);
    Ok(match &event.subject {
        Subject::Machine { id } if !reaches(*id)? => None,
        Subject::JobMachine { machine, .. } if !reaches(*machine)? => None,
        Subject::Job { id } if catalog.reaches_job(scope, *id)? == Reach::None => None,
        Subject::Machine { id } => catalog
            .machine(*id)?
            .map(|row| json("machine", &Machine::brief(control, row)))
            .transpose()?,
        Subject::Job { id } => catalog
            .job(*id, scope)?
            .map(|row| json("job", &Job::from(row)))
            .transpose()?,
        Subject::JobMachine { job, machine } => JobMachine::find(control, *job, *machine)?
            .map(|row| json("job-machine", &row))
            .transpose()?,
        Subject::Master { name } => Some(json("master", &Master::named(control, name)?)?),
        Subject::Settings => Some(json("settings", &Settings::from(catalog.settings()))?),
        Subject::Refusal { peer, code, title } => {
            let refusal = RefusalEvent {
                at: event.at.to_string(),
                peer: peer.clone(),
                code: code.clone(),
                title: title.clone(),
            };
            Some(json("refusal", &refusal)?)
        }
    })
}

/// One line: JSON text has no line breaks.
fn json<T: Serialize>(kind: &'static str, value: &T) -> Result<(&'static str, String), Refusal> {
    serde_json::to_string(value)
        .map(|text| (kind, text))
        .map_err(Refusal::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::Time;
    use protocol::{JobId, MachineId};

    #[test]
    fn of_one_object_only_its_last_state_is_sent_and_numbers_rise() {
        let (job, machine) = (JobId::new(), MachineId::new());
        let event = |seq, subject| Event {
            seq,
            at: Time(0),
            subject,
        };
        let running = || Subject::JobMachine { job, machine };
        let batch = vec![
            event(Some(1), running()),
            event(Some(2), Subject::Job { id: job }),
            event(None, running()),
            event(Some(3), Subject::Job { id: job }),
        ];
        let sent: Vec<_> = latest_of_each(batch)
            .into_iter()
            .map(|event| (event.seq, event.subject))
            .collect();
        assert_eq!(sent, [(Some(1), running()), (Some(3), Subject::Job { id: job })]);
    }
}
