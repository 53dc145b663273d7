//! Which call a method and a path mean, and how long its body may be.

use super::{MAX_FRAMES_LEN, MAX_IDS, MAX_ROOT_LEN, MAX_SEGMENT_LEN};
use protocol::{ChunkId, manifest::SegmentId};

/// A call of the depot protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `POST lacking`
    Lacking,
    /// `POST frames` or `PUT frames`
    PutFrames,
    /// `POST segments`
    PutSegment,
    /// `POST commit`
    Commit,
    /// `GET root`
    Root,
    /// `GET segments/{id}`
    Segment(SegmentId),
    /// `POST fetch`
    Fetch,
    /// `POST fetch-length`
    FetchLen,
}

impl Call {
    /// Reads a method and what follows [`super::BASE`] in the path, with or without the slash in front. `None` is a 404.
    #[must_use]
    pub fn parse(method: &str, path: &str) -> Option<Self> {
        let path = path.strip_prefix('/').unwrap_or(path);
        match (method, path) {
            ("POST", "lacking") => Some(Self::Lacking),
            ("POST" | "PUT", "frames") => Some(Self::PutFrames),
            ("POST", "segments") => Some(Self::PutSegment),
            ("POST", "commit") => Some(Self::Commit),
            ("GET", "root") => Some(Self::Root),
            ("POST", "fetch") => Some(Self::Fetch),
            ("POST", "fetch-length") => Some(Self::FetchLen),
            ("GET", path) => {
                let id = path.strip_prefix("segments/")?;
                // Segment ids are written as chunk ids are: 64 hexadecimal digits.
                id.parse::<ChunkId>()
                    .ok()
                    .map(|id| Self::Segment(SegmentId(id.0)))
            }
            _ => None,
        }
    }

    /// The method that a client uses.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Root | Self::Segment(_) => "GET",
            _ => "POST",
        }
    }

    /// The whole path.
    #[must_use]
    pub fn path(self) -> String {
        let base = super::BASE;
        match self {
            Self::Lacking => format!("{base}/lacking"),
            Self::PutFrames => format!("{base}/frames"),
            Self::PutSegment => format!("{base}/segments"),
            Self::Commit => format!("{base}/commit"),
            Self::Root => format!("{base}/root"),
            Self::Segment(id) => format!("{base}/segments/{}", ChunkId(id.0)),
            Self::Fetch => format!("{base}/fetch"),
            Self::FetchLen => format!("{base}/fetch-length"),
        }
    }

    /// The longest body that the server reads before it refuses with 413.
    #[must_use]
    pub fn body_limit(self) -> usize {
        match self {
            Self::Lacking => MAX_IDS * ChunkId::LEN,
            Self::PutFrames => MAX_FRAMES_LEN,
            Self::PutSegment => MAX_SEGMENT_LEN,
            Self::Commit => MAX_ROOT_LEN,
            Self::Root | Self::Segment(_) => 0,
            Self::Fetch | Self::FetchLen => (MAX_IDS + 1) * ChunkId::LEN,
        }
    }
}
