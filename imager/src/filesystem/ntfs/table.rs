//! The master file table: any record by its number, any attribute with all its runs.
//!
//! ```text
//! $ATTRIBUTE_LIST: where a file's attributes are when one record does not hold them. Entry:
//! offset size  meaning
//!   0x00    4  type of the attribute
//!   0x04    2  length of this entry
//!   0x06    1  length of the name in UTF-16 units
//!   0x07    1  offset of the name
//!   0x08    8  first cluster within the attribute
//!   0x10    8  reference of the record that has it
//! ```

use super::{
    Boot,
    record::{ClusterRun, Record, TYPE_ATTRIBUTE_LIST, TYPE_DATA, record_number},
};
use crate::filesystem::{Volume, volume::field};

/// Most bytes of an attribute list: Windows stops at 256 KiB.
const LIST_BYTES_MAX: u64 = 256 << 10;
/// Most pieces of an attribute that are followed.
const RUNS_MAX: usize = 1 << 20;

/// The table.
#[derive(Clone)]
pub(super) struct Table {
    pub boot: Boot,
    runs: Vec<ClusterRun>,
    pub record_count: u64,
}

/// An attribute with all its runs, from all its records.
pub(super) struct Stream {
    pub runs: Vec<ClusterRun>,
    pub length_bytes: u64,
    pub initialized_bytes: u64,
    pub is_transformed: bool,
    pub is_encrypted: bool,
    /// Clusters that are compressed together; 0 if it is not compressed.
    pub unit_clusters: u64,
    /// The value, where it is in the record itself.
    pub value: Option<Vec<u8>>,
}

impl Table {
    /// Finds the table by its own first record.
    pub(super) fn open(volume: &Volume<'_>, boot: Boot) -> Result<Self, String> {
        let offset = boot.mft_cluster * boot.cluster_bytes;
        let first = Record::parse(volume.read(offset, boot.record_bytes)?, b"FILE")?;
        let data = first.attribute(TYPE_DATA, b"").ok_or("the MFT has no data")?;
        let (runs, (length, _)) = (data.runs(&boot)?, data.lengths());
        let record_count = length / boot.record_bytes as u64;
        // Its further runs are in records that the runs so far reach.
        let mut table = Self {
            boot,
            runs,
            record_count,
        };
        if first.attribute(TYPE_ATTRIBUTE_LIST, b"").is_some() {
            table.runs = table
                .stream(volume, 0, TYPE_DATA, b"")?
                .ok_or("the MFT has no data")?
                .runs;
        }
        Ok(table)
    }

    pub(super) fn runs(&self) -> &[ClusterRun] {
        &self.runs
    }

    /// Reads a record.
    pub(super) fn record(&self, volume: &Volume<'_>, number: u64) -> Result<Record, String> {
        let offset = number
            .checked_mul(self.boot.record_bytes as u64)
            .filter(|_| number < self.record_count);
        let offset = offset.ok_or_else(|| format!("MFT record {number} does not exist"))?;
        Record::parse(
            read_stream(volume, &self.boot, &self.runs, offset, self.boot.record_bytes)?,
            b"FILE",
        )
    }

    /// An attribute of a file by type and name, `None` if the file has none.
    pub(super) fn stream(
        &self,
        volume: &Volume<'_>,
        number: u64,
        kind: u32,
        name: &[u8],
    ) -> Result<Option<Stream>, String> {
        let base = self.record(volume, number)?;
        if !base.is_in_use() {
            return Ok(None);
        }
        let Some(list) = base.attribute(TYPE_ATTRIBUTE_LIST, b"") else {
            let Some(attribute) = base.attribute(kind, name) else {
                return Ok(None);
            };
            let (length_bytes, initialized_bytes) = attribute.lengths();
            return Ok(Some(Stream {
                runs: if attribute.is_outside() {
                    attribute.runs(&self.boot)?
                } else {
                    Vec::new()
                },
                length_bytes,
                initialized_bytes,
                is_transformed: attribute.is_transformed(),
                is_encrypted: attribute.is_encrypted(),
                unit_clusters: attribute.unit_clusters(),
                value: attribute.value().map(<[u8]>::to_vec),
            }));
        };
        let list = match list.value() {
            Some(value) => value.to_vec(),
            None => {
                let length = list.lengths().0;
                if length > LIST_BYTES_MAX {
                    return Err("an attribute list of absurd length".into());
                }
                let runs = list.runs(&self.boot)?;
                read_stream(volume, &self.boot, &runs, 0, usize::try_from(length).unwrap_or(0))?
            }
        };
        self.gather(volume, number, &list, kind, name)
    }

    /// Puts an attribute together that an attribute list describes.
    fn gather(
        &self,
        volume: &Volume<'_>,
        number: u64,
        list: &[u8],
        kind: u32,
        name: &[u8],
    ) -> Result<Option<Stream>, String> {
        let mut stream: Option<Stream> = None;
        let mut rest = list;
        while rest.len() >= 24 {
            let length = usize::from(field::le16(rest, 4));
            if length < 24 || length > rest.len() {
                return Err("a damaged attribute list".into());
            }
            let (entry, tail) = rest.split_at(length);
            rest = tail;
            let name_start = usize::from(entry[7]);
            let own_name = entry
                .get(name_start..name_start + 2 * usize::from(entry[6]))
                .unwrap_or_default();
            if field::le32(entry, 0) != kind || own_name != name {
                continue;
            }
            let (first, holder) = (field::le64(entry, 8), record_number(field::le64(entry, 0x10)));
            let record = self.record(volume, holder)?;
            if !record.is_in_use() || (holder != number && record.base() != number) {
                return Err("an attribute list names a stranger's record".into());
            }
            let attribute = record
                .attributes()
                .find(|one| {
                    one.kind() == kind
                        && one.name() == name
                        && (!one.is_outside() || one.first_cluster() == first)
                })
                .ok_or("an attribute list names what is not there")?;
            let runs = if attribute.is_outside() {
                attribute.runs(&self.boot)?
            } else {
                Vec::new()
            };
            match &mut stream {
                Some(stream) => stream.runs.extend(runs),
                None => {
                    let (length_bytes, initialized_bytes) = attribute.lengths();
                    stream = Some(Stream {
                        runs,
                        length_bytes,
                        initialized_bytes,
                        is_transformed: attribute.is_transformed(),
                        is_encrypted: attribute.is_encrypted(),
                        unit_clusters: attribute.unit_clusters(),
                        value: attribute.value().map(<[u8]>::to_vec),
                    });
                }
            }
            if stream.as_ref().is_some_and(|stream| stream.runs.len() > RUNS_MAX) {
                return Err("an attribute in too many pieces".into());
            }
        }
        if let Some(stream) = &mut stream {
            stream.runs.sort_by_key(|run| run.logical);
        }
        Ok(stream)
    }
}

/// Reads bytes of an attribute by its runs; a hole is an error, for nothing read here has one.
pub(super) fn read_stream(
    volume: &Volume<'_>,
    boot: &Boot,
    runs: &[ClusterRun],
    offset: u64,
    length: usize,
) -> Result<Vec<u8>, String> {
    if length as u64 > volume.len() {
        return Err("an attribute longer than its volume".into());
    }
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        let at = offset
            .checked_add(filled as u64)
            .ok_or("an attribute beyond any length")?;
        let cluster = at / boot.cluster_bytes;
        let index = runs.partition_point(|run| run.logical.saturating_add(run.count) <= cluster);
        let run = runs
            .get(index)
            .filter(|run| run.logical <= cluster)
            .ok_or("a hole where there should be data")?;
        let inside = at - run.logical * boot.cluster_bytes;
        let available = run.count * boot.cluster_bytes - inside;
        let piece = usize::try_from(available)
            .unwrap_or(usize::MAX)
            .min(length - filled);
        volume.read_into(
            run.physical * boot.cluster_bytes + inside,
            &mut bytes[filled..filled + piece],
        )?;
        filled += piece;
    }
    Ok(bytes)
}
