//! `.nbi` folders: what stands in their `NBImageInfo.plist`, and whether we can serve it.
//!
//! ```text
//! boot/nbi/NAME.nbi/NBImageInfo.plist
//! boot/nbi/NAME.nbi/i386/booter              what the Mac loads by TFTP, and beside it what the booter asks for
//! boot/nbi/NAME.nbi/SYSTEM.dmg               what it then mounts, by HTTP from us or by NFS from another server
//! ```

use super::{plist, plist::Value, wire::ImageId};
use crate::files::AskedName;
use protocol::MacAddr;
use std::{fs, io::Read, path::Path};

/// Longest `NBImageInfo.plist` that is read.
const LONGEST_PLIST: u64 = 256 * 1024;
/// More folders than any site has.
const MAX_IMAGES: usize = 128;

/// An image that Macs may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its number.
    pub id: ImageId,
    /// Its name in the Mac's picker.
    pub name: String,
    /// The folder's name, with `.nbi`.
    pub folder: String,
    /// The first file to load, beside the property list: `i386/booter`.
    pub boot_file: String,
    /// What is mounted as the root.
    pub root: Root,
    /// A Mac that was told nothing starts it.
    pub is_default: bool,
    /// Shown only to Macs that ask for its attributes.
    pub filter_only: bool,
    architectures: Vec<String>,
    models: Vec<String>,
    excluded_models: Vec<String>,
    macs: Vec<MacAddr>,
    excluded_macs: Vec<MacAddr>,
}

/// What is mounted as the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// Nothing: the boot file is all.
    None,
    /// A file in the folder, by our HTTP.
    Ours(String),
    /// Another server's, as it stands: `nfs:192.0.2.9:/share:file.dmg` or an HTTP URL.
    Elsewhere(String),
}

/// Why a folder cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{folder}: {why}")]
pub struct Refused {
    /// The folder's name.
    pub folder: String,
    /// In words.
    pub why: String,
}

/// Reads every `.nbi` folder below this one.
#[must_use]
pub fn read_all(folder: &Path) -> (Vec<Image>, Vec<Refused>) {
    let (mut images, mut refused) = (Vec::<Image>::new(), Vec::new());
    let Ok(entries) = fs::read_dir(folder) else {
        return (images, refused);
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".nbi"))
        .take(MAX_IMAGES)
        .collect();
    names.sort();
    for name in names {
        match read(&folder.join(&name), &name) {
            Ok(None) => {}
            Ok(Some(image)) => match images.iter().find(|other| other.id == image.id) {
                Some(other) => refused.push(Refused {
                    why: format!(
                        "it has the same Index as {}; change it in NBImageInfo.plist",
                        other.folder
                    ),
                    folder: name,
                }),
                None => images.push(image),
            },
            Err(why) => refused.push(Refused { folder: name, why }),
        }
    }
    (images, refused)
}

fn read(folder: &Path, name: &str) -> Result<Option<Image>, String> {
    let path = folder.join("NBImageInfo.plist");
    let failed = |error| format!("NBImageInfo.plist cannot be read: {error}");
    let mut text = String::new();
    fs::File::open(&path)
        .map_err(failed)?
        .take(LONGEST_PLIST)
        .read_to_string(&mut text)
        .map_err(failed)?;
    let Some(image) = parse(&text, name)? else {
        return Ok(None);
    };
    let mut needed = vec![image.boot_file.clone()];
    if let Root::Ours(file) = &image.root {
        needed.push(file.clone());
    }
    for file in needed {
        // A symbolic link would not be served either.
        if !fs::symlink_metadata(folder.join(&file)).is_ok_and(|found| found.is_file()) {
            return Err(format!("{file} is not there"));
        }
    }
    Ok(Some(image))
}

/// Reads an `NBImageInfo.plist`; none if the image is switched off.
///
/// # Errors
/// Why it cannot be served, in words.
pub fn parse(text: &str, folder: &str) -> Result<Option<Image>, String> {
    let info = plist::parse(text).map_err(|error| error.to_string())?;
    let flag = |key: &str| info.get(key).and_then(Value::flag).unwrap_or(false);
    let text = |key: &str| {
        info.get(key)
            .and_then(Value::text)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    };
    let texts = |key: &str| -> Vec<String> {
        let texts = info.get(key).map(Value::texts).unwrap_or_default();
        texts.into_iter().map(str::to_owned).collect()
    };
    if !flag("IsEnabled") {
        return Ok(None);
    }
    if !is_served(folder) {
        return Err("the folder's name may hold only A-Z a-z 0-9 . _ + : -".into());
    }
    let index = info
        .get("Index")
        .and_then(Value::number)
        .ok_or("it has no Index")?;
    let index = u16::try_from(index)
        .ok()
        .filter(|index| *index != 0)
        .ok_or("its Index is not between 1 and 65535")?;
    let kind = info.get("Kind").and_then(Value::number).unwrap_or(1);
    let kind = u8::try_from(kind)
        .ok()
        .filter(|kind| (1..=3).contains(kind))
        .ok_or("its Kind is not 1, 2 or 3; Mac OS 9 is not served")?;
    if flag("SupportsDiskless") && !flag("IsInstall") && text("Type") == Some("NFS") {
        return Err(
            "it wants a shadow file on an AFP server, which is not served; use an image that installs".into(),
        );
    }
    let architectures = match texts("Architectures") {
        found if found.is_empty() => vec!["i386".to_owned()],
        found => found,
    };
    // The oldest images lie beside the list, those for Intel in a folder.
    let boot_file = text("BootFile").unwrap_or("booter");
    let boot_file = if architectures.iter().any(|one| one == "i386") && !boot_file.contains('/') {
        format!("i386/{boot_file}")
    } else {
        boot_file.to_owned()
    };
    if !is_served(&boot_file) {
        return Err("its BootFile is no plain path".into());
    }
    let root = match (text("Type").unwrap_or("HTTP"), text("RootPath")) {
        ("BootFileOnly", _) => Root::None,
        (_, None) => return Err("it has no RootPath".into()),
        (_, Some(path)) if path.starts_with("http://") || path.starts_with("nfs:") => {
            Root::Elsewhere(path.to_owned())
        }
        ("NFS", Some(_)) => {
            return Err(
                "its RootPath is on NFS, which is not served; name another server (nfs:ADDRESS:SHARE:FILE) or set Type to HTTP"
                    .into(),
            );
        }
        ("HTTP", Some(path)) if is_served(path) => Root::Ours(path.trim_start_matches('/').to_owned()),
        ("HTTP", Some(_)) => return Err("its RootPath may hold only A-Z a-z 0-9 . _ + : - and /".into()),
        (other, _) => return Err(format!("its Type {other:?} is not served")),
    };
    let macs = |key: &str| -> Result<Vec<MacAddr>, String> {
        texts(key)
            .iter()
            .map(|text| {
                text.parse()
                    .map_err(|_| format!("{key} holds {text:?}, which is no MAC address"))
            })
            .collect()
    };
    Ok(Some(Image {
        id: ImageId::new(flag("IsInstall"), kind, index),
        name: text("Name").unwrap_or(folder).to_owned(),
        folder: folder.to_owned(),
        boot_file,
        root,
        is_default: flag("IsDefault"),
        // Diagnostics are for whoever asks for them.
        filter_only: info.get("FilterOnly").and_then(Value::flag).unwrap_or(kind == 3),
        architectures,
        models: texts("EnabledSystemIdentifiers"),
        excluded_models: texts("DisabledSystemIdentifiers"),
        macs: macs("EnabledMACAddresses")?,
        excluded_macs: macs("DisabledMACAddresses")?,
    }))
}

fn is_served(path: &str) -> bool {
    AskedName::parse(path).is_some() && !path.contains('\\')
}

impl Image {
    /// Whether this Mac may see it.
    #[must_use]
    pub fn is_for(&self, architecture: &str, model: &str, mac: MacAddr, attributes: &[u16]) -> bool {
        let names = |list: &[String]| list.iter().any(|one| one == model);
        let wanted = attributes.contains(&self.id.attributes());
        self.architectures.iter().any(|one| one == architecture)
            && (self.models.is_empty() || names(&self.models))
            && !names(&self.excluded_models)
            && (self.macs.is_empty() || self.macs.contains(&mac))
            && !self.excluded_macs.contains(&mac)
            && if attributes.is_empty() {
                !self.filter_only
            } else {
                wanted
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(more: &str) -> String {
        format!(
            "<plist><dict><key>IsEnabled</key><true/><key>Name</key><string>Install Mavericks</string>\
             <key>RootPath</key><string>NetInstall.dmg</string><key>Type</key><string>HTTP</string>{more}</dict></plist>"
        )
    }

    #[test]
    fn an_index_as_integer_or_text_makes_the_same_image() {
        for index in ["<integer>4097</integer>", "<string>4097</string>"] {
            let text = info(&format!("<key>IsInstall</key><true/><key>Index</key>{index}"));
            let image = parse(&text, "A.nbi").unwrap().unwrap();
            assert_eq!(image.id, ImageId(0x8100_1001));
            assert_eq!(image.boot_file, "i386/booter");
            assert_eq!(image.root, Root::Ours("NetInstall.dmg".into()));
        }
    }

    #[test]
    fn what_cannot_be_served_is_refused_with_the_reason() {
        let index = "<key>Index</key><integer>1</integer>";
        for (more, folder, want) in [
            ("", "A.nbi", "no Index"),
            ("<key>Index</key><integer>0</integer>", "A.nbi", "between 1 and"),
            (index, "A B.nbi", "folder's name"),
            (
                &format!("{index}<key>Kind</key><integer>0</integer>"),
                "A.nbi",
                "Mac OS 9",
            ),
            (
                &format!("{index}<key>BootFile</key><string>../../etc/passwd</string>"),
                "A.nbi",
                "BootFile",
            ),
            (
                &format!("{index}<key>RootPath</key><string>../x.dmg</string>"),
                "A.nbi",
                "RootPath",
            ),
            (
                &format!("{index}<key>Type</key><string>NFS</string>"),
                "A.nbi",
                "NFS",
            ),
            (
                &format!("{index}<key>EnabledMACAddresses</key><array><string>x</string></array>"),
                "A.nbi",
                "no MAC",
            ),
        ] {
            let error = parse(&info(more), folder).unwrap_err();
            assert!(error.contains(want), "{more}: {error}");
        }
        let off = "<plist><dict><key>IsEnabled</key><false/></dict></plist>";
        assert_eq!(parse(off, "A.nbi"), Ok(None));
    }

    #[test]
    fn a_folder_is_read_only_with_all_its_files_and_one_of_each_index() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["A.nbi", "B.nbi", "C.nbi"] {
            let nbi = folder.path().join(name);
            fs::create_dir_all(nbi.join("i386")).unwrap();
            fs::write(
                nbi.join("NBImageInfo.plist"),
                info("<key>Index</key><integer>7</integer>"),
            )
            .unwrap();
            fs::write(nbi.join("NetInstall.dmg"), "disk").unwrap();
            if name != "C.nbi" {
                fs::write(nbi.join("i386/booter"), "booter").unwrap();
            }
        }
        let (images, refused) = read_all(folder.path());
        assert_eq!(images.len(), 1);
        let why: Vec<String> = refused.iter().map(ToString::to_string).collect();
        assert!(
            why[0].contains("B.nbi") && why[0].contains("same Index as A.nbi"),
            "{why:?}"
        );
        assert!(why[1].contains("i386/booter is not there"), "{why:?}");
    }

    #[test]
    fn only_the_macs_that_it_is_for_see_it() {
        let more = "<key>Index</key><integer>1</integer><key>EnabledSystemIdentifiers</key><array><string>iMac14,2</string></array>\
            <key>DisabledMACAddresses</key><array><string>02:00:00:00:00:09</string></array>";
        let image = parse(&info(more), "A.nbi").unwrap().unwrap();
        let mac = MacAddr([2, 0, 0, 0, 0, 1]);
        assert!(image.is_for("i386", "iMac14,2", mac, &[]));
        assert!(image.is_for("i386", "iMac14,2", mac, &[0x0100]));
        assert!(!image.is_for("i386", "iMac14,2", mac, &[0x8100]));
        assert!(!image.is_for("ppc", "iMac14,2", mac, &[]));
        assert!(!image.is_for("i386", "iMac18,3", mac, &[]));
        assert!(!image.is_for("i386", "iMac14,2", MacAddr([2, 0, 0, 0, 0, 9]), &[]));
    }
}
