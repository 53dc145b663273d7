//! What commands answer; the JSON objects of `docs/imager.md`.

use imager::{
    capture::CaptureCounts,
    contents::{Differences, Extracted, Listed},
    inspect::Inspection,
    restore::{Estimate, RestoreCounts},
    store::{Collected, MasterVersion, Stats, VerifyReport},
};
use protocol::manifest::{Root, Unreadable};
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
    Files(FilesAnswer),
    Extracted(Extracted),
    Compared(CompareAnswer),
    /// The answer went to standard output itself.
    Written,
    /// The same, but something was left out.
    WrittenInPart,
}

impl Answer {
    /// Whether the command did its work and the work found something wrong.
    pub(super) fn is_failure(&self) -> bool {
        match self {
            Self::Verified(report) => !report.ok,
            Self::Extracted(extracted) => extracted.problem_count > 0,
            Self::WrittenInPart => true,
            _ => false,
        }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unreadable: Option<Unreadable>,
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

#[derive(Serialize)]
pub(super) struct FilesAnswer {
    pub(super) name: String,
    pub(super) version: u32,
    pub(super) partition: u32,
    pub(super) path: String,
    pub(super) entries: Vec<Listed>,
}

#[derive(Serialize)]
pub(super) struct CompareAnswer {
    pub(super) first: String,
    pub(super) second: String,
    pub(super) partitions: Vec<PartitionDifferences>,
}

/// What differs in one partition, or why it was not compared.
#[derive(Serialize)]
pub(super) struct PartitionDifferences {
    pub(super) partition: u32,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) differences: Option<Differences>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_compared: Option<String>,
}
