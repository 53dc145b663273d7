//! A volume group: which extents of which physical volumes make which logical volume.
//!
//! ```text
//! NAME { id seqno extent_size (sectors of 512 bytes)
//!   physical_volumes { pv0 { id pe_start (sectors) pe_count } … }
//!   logical_volumes { NAME { status segment1 { start_extent extent_count type
//!                                              stripe_count stripes = ["pv0", first extent, …] } … } … } }
//! ```
//! A linear volume is one of type `striped` with one stripe. Every other type refers to further logical volumes, by name.
//! Source: lvm2 `lib/format_text/import_vsn1.c`, `lib/striped/striped.c`.

use super::text::{Section, Value};

const SECTOR: u64 = 512;

/// A volume group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub name: String,
    pub id: String,
    pub sequence: u64,
    pub extent_bytes: u64,
    pub physical: Vec<Physical>,
    pub logical: Vec<Logical>,
}

/// One of its physical volumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Physical {
    /// Its name within the text: `pv0`.
    pub name: String,
    /// Its identity, without dashes.
    pub id: String,
    /// Where its first extent begins, in bytes of the volume.
    pub start: u64,
    /// Its extents.
    pub count: u64,
}

/// One of its logical volumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Logical {
    pub name: String,
    /// What it occupies, in the order of its own extents.
    pub areas: Vec<Area>,
    /// Why its areas one after the other are not what it shows; `None` if they are.
    pub not_linear: Option<String>,
}

/// Extents of one physical volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Area {
    /// Index of the physical volume.
    pub physical: usize,
    /// First extent there.
    pub first: u64,
    pub count: u64,
}

impl Group {
    /// Understands a text; the error says, in words, what is wrong.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let top = Section::parse(text)?;
        let [(name, group)] = top.sections.as_slice() else {
            return Err("its metadata describes no volume group, or several".into());
        };
        let extent_bytes = group
            .number("extent_size")?
            .checked_mul(SECTOR)
            .filter(|bytes| *bytes > 0);
        let physical = group
            .section("physical_volumes")
            .map_or(&[][..], |section| &section.sections);
        let physical = physical
            .iter()
            .map(|(name, section)| Physical::parse(name, section));
        let mut parsed = Self {
            name: name.clone(),
            id: without_dashes(group.text("id")?),
            sequence: group.number("seqno")?,
            extent_bytes: extent_bytes.ok_or("extents of no length")?,
            physical: physical.collect::<Result<_, String>>()?,
            logical: Vec::new(),
        };
        let logical = group
            .section("logical_volumes")
            .map_or(&[][..], |section| &section.sections);
        let mut named: Vec<&str> = Vec::new();
        for (name, section) in logical {
            let volume = parsed.logical_volume(name, section, &mut named)?;
            parsed.logical.push(volume);
        }
        named.sort_unstable();
        for volume in &mut parsed.logical {
            if named.binary_search(&volume.name.as_str()).is_ok() && volume.not_linear.is_none() {
                volume.not_linear =
                    Some("another logical volume (a snapshot, mirror, pool or cache) is made of it".into());
            }
        }
        parsed.check_areas()?;
        Ok(parsed)
    }

    /// The index of the physical volume with this identity.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.physical.iter().position(|one| one.id == id)
    }

    /// Reads one logical volume, and adds what else its segments name.
    fn logical_volume<'a>(
        &self,
        name: &str,
        section: &'a Section,
        named: &mut Vec<&'a str>,
    ) -> Result<Logical, String> {
        let mut areas = Vec::new();
        let mut not_linear = None;
        let mut next = 0;
        let mut segments: Vec<(u64, &Section)> = Vec::new();
        for (_, segment) in section
            .sections
            .iter()
            .filter(|(name, _)| name.starts_with("segment"))
        {
            segments.push((segment.number("start_extent")?, segment));
        }
        segments.sort_by_key(|(start, _)| *start);
        for (start, segment) in segments {
            let (count, kind) = (segment.number("extent_count")?, segment.text("type")?);
            let stripes = segment.number("stripe_count").unwrap_or(1);
            let is_linear = matches!(kind, "striped" | "linear") && stripes == 1;
            // Of other types only the length of the whole is known, which is more than it takes in each place.
            let in_each_place = match count.checked_div(stripes) {
                Some(each) if kind == "striped" && each * stripes == count => each,
                _ => count,
            };
            if start != next || count == 0 {
                return Err(format!("logical volume {name} has a gap"));
            }
            next = start
                .checked_add(count)
                .ok_or("a logical volume beyond any length")?;
            if !is_linear {
                let kind = if kind == "striped" {
                    "striped over several places"
                } else {
                    kind
                };
                not_linear = Some(format!("it is not linear ({kind})"));
            }
            let lists = segment.values.iter().filter_map(|(key, value)| match value {
                Value::List(values) => Some((key, values.as_slice())),
                _ => None,
            });
            for (key, values) in lists {
                for pair in values.windows(2) {
                    if let [Value::Text(name), Value::Number(first)] = pair
                        && let Some(physical) = self.physical.iter().position(|one| one.name == *name)
                    {
                        areas.push(Area {
                            physical,
                            first: *first,
                            count: in_each_place,
                        });
                    }
                }
                let stripes_alone = is_linear && key == "stripes";
                named.extend(
                    values
                        .iter()
                        .filter(|_| !stripes_alone)
                        .filter_map(|value| match value {
                            Value::Text(name) => Some(name.as_str()),
                            _ => None,
                        }),
                );
            }
            named.extend(segment.values.iter().filter_map(|(_, value)| match value {
                Value::Text(name) => Some(name.as_str()),
                _ => None,
            }));
            if is_linear && segment.list("stripes").len() != 2 {
                return Err(format!("a segment of logical volume {name} has no place"));
            }
        }
        let states: Vec<&str> = ["status", "flags"]
            .iter()
            .flat_map(|list| section.list(list))
            .filter_map(|value| match value {
                Value::Text(state) => Some(state.as_str()),
                _ => None,
            })
            .collect();
        if !states.contains(&"VISIBLE") {
            not_linear = not_linear.or(Some("it is part of another logical volume".into()));
        }
        let harmless = ["READ", "WRITE", "VISIBLE", "FIXED_MINOR", "ACTIVATION_SKIP"];
        if let Some(state) = states.iter().find(|state| !harmless.contains(state)) {
            not_linear = not_linear.or(Some(format!("it is in the state {state}")));
        }
        let covered = areas
            .iter()
            .map(|area| area.count)
            .fold(0u64, u64::saturating_add);
        if covered != next {
            not_linear = not_linear.or(Some("part of it is on a volume that is not described".into()));
        }
        Ok(Logical {
            name: name.to_owned(),
            areas,
            not_linear,
        })
    }

    /// Every extent belongs to one logical volume at most, and exists.
    fn check_areas(&mut self) -> Result<(), String> {
        let mut all: Vec<(usize, u64, u64, usize)> = Vec::new();
        for (index, volume) in self.logical.iter_mut().enumerate() {
            for area in &mut volume.areas {
                let count = self.physical[area.physical].count;
                let end = area.first.saturating_add(area.count);
                if end > count && volume.not_linear.is_none() {
                    return Err(format!(
                        "logical volume {} leaves its physical volume",
                        volume.name
                    ));
                }
                area.first = area.first.min(count);
                area.count = end.min(count) - area.first;
                all.push((area.physical, area.first, end.min(count), index));
            }
        }
        all.sort_unstable();
        // Over-long areas of volumes that are not linear are only kept longer than need be.
        let is_plain = |area: &&(usize, u64, u64, usize)| self.logical[area.3].not_linear.is_none();
        let plain: Vec<_> = all.iter().filter(is_plain).collect();
        let lie_over = |pair: &[&(usize, u64, u64, usize)]| pair[0].0 == pair[1].0 && pair[1].1 < pair[0].2;
        if plain.windows(2).any(lie_over) {
            return Err("two logical volumes lie over each other".into());
        }
        Ok(())
    }
}

impl Physical {
    fn parse(name: &str, section: &Section) -> Result<Self, String> {
        let start = section.number("pe_start")?.checked_mul(SECTOR);
        Ok(Self {
            name: name.to_owned(),
            id: without_dashes(section.text("id")?),
            start: start.ok_or("a physical volume beyond any length")?,
            count: section.number("pe_count")?,
        })
    }
}

fn without_dashes(id: &str) -> String {
    id.chars().filter(|letter| *letter != '-').collect()
}
