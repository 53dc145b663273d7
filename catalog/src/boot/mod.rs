//! What the boot services tell: how each boot went, and which firmware wants what.

mod lesson;
mod transcript;

pub use lesson::FirmwareLesson;
pub(crate) use transcript::Transcripts;
pub use transcript::{Boot, BootEntry, BootStep};
