use super::*;
use proptest::prelude::*;
use std::io::Write;

fn csv(bytes: &[u8]) -> ImportFile {
    ImportFile {
        kind: FileKind::Csv,
        bytes: bytes.to_vec(),
        separator: None,
        encoding: None,
    }
}

fn xlsx(bytes: Vec<u8>) -> ImportFile {
    ImportFile {
        kind: FileKind::Xlsx,
        ..csv(&bytes)
    }
}

/// A workbook with one sheet: each cell by its place and what stands in it.
pub(crate) fn workbook(cells: &[(&str, &str)]) -> Vec<u8> {
    let rows: String = cells
        .iter()
        .map(|(place, content)| {
            let row: String = place.chars().filter(char::is_ascii_digit).collect();
            format!("<row r=\"{row}\"><c r=\"{place}\"{content}</c></row>")
        })
        .collect();
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/package/2006/relationships";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let types = "http://schemas.openxmlformats.org/package/2006/content-types";
    let sheet_type = "application/vnd.openxmlformats-officedocument.spreadsheetml";
    let files = [
        (
            "[Content_Types].xml",
            format!(
                "<Types xmlns=\"{types}\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
                 <Override PartName=\"/xl/workbook.xml\" ContentType=\"{sheet_type}.sheet.main+xml\"/>\
                 <Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"{sheet_type}.worksheet+xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{relations}\"><Relationship Id=\"r1\" Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets><sheet name=\"Parc\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{relations}\"><Relationship Id=\"r1\" Type=\"{office}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!("<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData></worksheet>"),
        ),
    ];
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let stored =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        archive.start_file(name, stored).unwrap();
        archive
            .write_all(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{content}").as_bytes())
            .unwrap();
    }
    archive.finish().unwrap().into_inner()
}

const TEXT: &str = " t=\"inlineStr\"><is><t>";
const END: &str = "</t></is>";

#[test]
fn separators_and_encodings_of_spreadsheets_are_recognised() {
    let want = vec![(2, vec!["pc-1".to_owned(), "salle \u{e9}t\u{e9}".to_owned()])];
    let tables: [&[u8]; 5] = [
        b"nom;note\r\npc-1;salle \xe9t\xe9\r\n",
        "nom,note\npc-1,salle \u{e9}t\u{e9}\n".as_bytes(),
        "\u{feff}nom;note\r\npc-1;\"salle \u{e9}t\u{e9}\"".as_bytes(),
        "nom\tnote\npc-1\tsalle \u{e9}t\u{e9}\n".as_bytes(),
        "\"nom\";\"note\"\r\n \"pc-1\" ; salle \u{e9}t\u{e9} ;;\r\n;;;\r\n".as_bytes(),
    ];
    for bytes in tables.into_iter().take(4) {
        let table = csv(bytes).read().unwrap();
        assert_eq!(table.headers, ["nom", "note"], "{bytes:?}");
        assert_eq!(table.rows, want, "{bytes:?}");
    }
    assert_eq!(csv(tables[0]).read().unwrap().encoding, Some(Encoding::Cp1252));
    assert_eq!(
        csv(tables[4]).read().unwrap().rows.len(),
        1,
        "empty lines say nothing"
    );
}

#[test]
fn lines_keep_the_numbers_that_an_editor_shows() {
    let table = csv(b"sep=;\nnom;note\n\npc-1;\"two\nlines\"\npc-2;x\n")
        .read()
        .unwrap();
    let lines: Vec<u64> = table.rows.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [4, 6]);
}

#[test]
fn a_text_that_is_not_what_was_said_is_refused_by_its_line() {
    let file = ImportFile {
        encoding: Some(Encoding::Utf8),
        ..csv(b"nom\npc-1\n\xe9\n")
    };
    assert!(file.read().unwrap_err().to_string().contains("line 3"));
    assert!(csv(b"").read().is_err());
    assert!(csv(&vec![b'x'; FILE_MAX_LEN + 1]).read().is_err());
    let wide = "a;".repeat(COLUMNS_MAX + 1);
    assert!(csv(format!("{wide}b\n").as_bytes()).read().is_err());
}

#[test]
fn the_first_sheet_of_a_workbook_is_read_as_a_person_sees_it() {
    let text = |text: &str| format!("{TEXT}{text}{END}");
    let bytes = workbook(&[
        ("A1", &text("Nom")),
        ("C1", &text("Num\u{e9}ro de s\u{e9}rie")),
        ("A3", &text("pc-1")),
        ("C3", "><v>7012345</v>"),
    ]);
    let table = xlsx(bytes).read().unwrap();
    assert_eq!(table.headers, ["Nom", "", "Num\u{e9}ro de s\u{e9}rie"]);
    assert_eq!(
        table.rows,
        [(3, vec!["pc-1".to_owned(), String::new(), "7012345".to_owned()])]
    );
}

#[test]
fn a_workbook_that_lies_about_its_size_is_refused() {
    let far = workbook(&[("XFD1048576", &format!("{TEXT}x{END}"))]);
    assert!(
        xlsx(far).read().is_err(),
        "a sheet that would be laid out would take all memory"
    );
    let mut bomb = zip::ZipWriter::new(Cursor::new(Vec::new()));
    bomb.start_file("xl/sharedStrings.xml", zip::write::SimpleFileOptions::default())
        .unwrap();
    for _ in 0..(UNPACKED_MAX_LEN >> 20) + 1 {
        bomb.write_all(&[b' '; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap().into_inner();
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let error = xlsx(bomb).read().unwrap_err().to_string();
    assert!(error.contains("too large"), "{error}");
    assert!(xlsx(b"PK\x03\x04 this is none".to_vec()).read().is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), is_xlsx: bool) {
        let file = ImportFile { kind: if is_xlsx { FileKind::Xlsx } else { FileKind::Csv }, ..csv(&bytes) };
        let _ = file.read();
    }

    #[test]
    fn a_workbook_that_was_damaged_is_read_or_refused(at in 0usize..2000, byte: u8) {
        let mut bytes = workbook(&[("A1", &format!("{TEXT}Nom{END}")), ("A2", "><v>7</v>")]);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = xlsx(bytes).read();
    }
}
