//! What `imager inspect` tells a person.

use super::screen::{add_notes, size};
use imager::inspect::{Inspection, PartitionInspection, ReadingState};

/// The whole disk, then each partition in the order of the disk, then what is unusual.
pub(super) fn in_words(found: &Inspection) -> String {
    let boot = if found.bootable {
        "looks bootable"
    } else {
        "does not look bootable"
    };
    let mut text = format!(
        "{} disk, {:?} table, sectors of {} bytes, {} kept, {} left out, fits on {}, {boot}\n",
        size(found.bytes_disk),
        found.table,
        found.sector_size,
        size(found.bytes_used),
        size(found.bytes_left_out),
        size(found.bytes_smallest_target),
    );
    for one in &found.partitions {
        add_partition(&mut text, one);
    }
    add_notes(&mut text, &found.warnings);
    text
}

fn add_partition(text: &mut String, one: &PartitionInspection) {
    let names: Vec<&str> = [
        Some(one.label.as_str()),
        one.filesystem_label.as_deref(),
        one.filesystem_uuid.as_deref(),
    ]
    .into_iter()
    .flatten()
    .filter(|name| !name.is_empty())
    .collect();
    let names = if names.is_empty() {
        String::new()
    } else {
        format!(" \"{}\"", names.join("\" \""))
    };
    let state = match &one.state {
        ReadingState::Mapped { used, zeroed, free } => {
            let zeros = if *zeroed > 0 {
                format!(", {} restored as zeros", size(*zeroed))
            } else {
                String::new()
            };
            format!("{} used, {} free{zeros}", size(*used), size(*free))
        }
        ReadingState::Raw { reason } => format!("whole: {reason}"),
        ReadingState::Refused {
            reason,
            remedy,
            options,
        } => {
            format!(
                "refused: {reason}\n     to do: {remedy}\n     or capture with: {}",
                options.join(", or ")
            )
        }
    };
    text.push_str(&format!(
        "  {}: {} at {}, {}{names}, {state}\n",
        one.number,
        size(one.length),
        one.start,
        one.filesystem,
    ));
    add_notes(text, &one.notes);
}
