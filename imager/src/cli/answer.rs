//! What commands answer; the JSON objects of `docs/imager.md`.

use imager::{
    capture::CaptureCounts,
    inspect::Inspection,
    restore::{Estimate, RestoreCounts},
    store::{Collected, MasterVersion, Stats, VerifyReport},
};
use protocol::manifest::Root;
use serde::Serialize;

/// One answer.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Answer {
    Init(InitAnswer),
    Captured(CaptureAnswer),
    Restored(RestoreAnswer),
    Verified(VerifyReport),
    List(ListAnswer),
    Show(Box<ShowAnswer>),
    State(StateAnswer),
    Collected(Collected),
    Stats(Stats),
    Inspected(Inspection),
}

impl Answer {
    /// Whether the command did its work and the work found something wrong.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Self::Verified(report) if !report.ok)
    }
}

#[derive(Serialize)]
pub(super) struct InitAnswer {
    pub(super) store: String,
    pub(super) public_key: String,
}

#[derive(Serialize)]
pub(super) struct CaptureAnswer {
    pub(super) name: String,
    pub(super) version: u32,
    #[serde(flatten)]
    pub(super) counts: CaptureCounts,
    /// Always 0: a capture writes to no disk.
    pub(super) bytes_written: u64,
    pub(super) notes: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct RestoreAnswer {
    pub(super) name: String,
    pub(super) version: u32,
    #[serde(flatten)]
    pub(super) counts: RestoreCounts,
    pub(super) estimate: Estimate,
    pub(super) notes: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct ListAnswer {
    pub(super) masters: Vec<MasterVersion>,
}

#[derive(Serialize)]
pub(super) struct StateAnswer {
    pub(super) name: String,
    pub(super) version: u32,
    pub(super) state: String,
}

/// A root without its long list of segments, but with their number.
pub(super) struct ShowAnswer {
    pub(super) root: Root,
    pub(super) segments: u64,
}

impl Serialize for ShowAnswer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = serde_json::to_value(&self.root).map_err(serde::ser::Error::custom)?;
        value["segments"] = self.segments.into();
        value.serialize(serializer)
    }
}
