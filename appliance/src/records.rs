//! `amorce backup` and `amorce audit verify`: beside a running appliance, without stopping it. And the copies that `amorce serve`
//! makes by itself.

use crate::configuration::DataArguments;
use anyhow::{Context, Result};
use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// Copies that are kept.
const KEPT: usize = 7;
const PREFIX: &str = "catalog-";
const SUFFIX: &str = ".sqlite";

/// Copies the catalog to a new file.
pub fn back_up(data: &DataArguments, target: &Path) -> Result<()> {
    let made = catalog::back_up(&data.data.join("catalog.sqlite"), target)?;
    println!(
        "{} is a whole catalog of {} bytes (version {}); masters are in {} and keys in {}: back those up as files",
        target.display(),
        made.bytes,
        made.version,
        data.data.join("depot").display(),
        data.data.join("tls").display()
    );
    Ok(())
}

/// Checks the chain of the audit.
pub fn verify_audit(data: &DataArguments) -> Result<()> {
    let chain = catalog::verify_audit_of(&data.data.join("catalog.sqlite"))?;
    println!(
        "the audit is whole: {} rows, the last one's hash is {}",
        chain.rows, chain.head
    );
    Ok(())
}

/// Makes the copy of a day under `DATA/backup`, and forgets the oldest ones. The copy, if there was none of that day.
pub fn back_up_daily(catalog: &Path, folder: &Path, day: jiff::civil::Date) -> Result<Option<PathBuf>> {
    let make_folder = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    make_folder.with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let target = folder.join(format!("{PREFIX}{day}{SUFFIX}"));
    if target.exists() {
        return Ok(None);
    }
    catalog::back_up(catalog, &target)?;
    let mut copies: Vec<PathBuf> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_copy(path))
        .collect();
    copies.sort();
    let surplus = copies.len().saturating_sub(KEPT);
    for old in &copies[..surplus] {
        fs::remove_file(old).with_context(|| format!("{} cannot be removed", old.display()))?;
    }
    Ok(Some(target))
}

/// Only what has the name of such a copy is ever removed.
fn is_copy(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let day = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_suffix(SUFFIX));
    day.is_some_and(|day| day.parse::<jiff::civil::Date>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::Catalog;

    #[test]
    fn a_copy_a_day_is_made_and_a_week_of_them_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        let catalog = Catalog::open(&path).unwrap();
        let copies = folder.path().join("backup");
        for day in 1..=9 {
            let day = jiff::civil::date(2026, 3, day);
            assert!(back_up_daily(&path, &copies, day).unwrap().is_some());
            assert!(
                back_up_daily(&path, &copies, day).unwrap().is_none(),
                "once a day"
            );
        }
        fs::write(copies.join("catalog-before-update.sqlite"), "a person's own").unwrap();
        back_up_daily(&path, &copies, jiff::civil::date(2026, 3, 10)).unwrap();
        drop(catalog);
        let mut names: Vec<_> = fs::read_dir(&copies)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), 8, "{names:?}");
        assert_eq!(names[0], "catalog-2026-03-04.sqlite");
        assert!(names.contains(&"catalog-before-update.sqlite".to_owned()));
        Catalog::open(&copies.join("catalog-2026-03-10.sqlite")).unwrap();
    }
}
