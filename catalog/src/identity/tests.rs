use super::*;
use protocol::ByteLen;

const UUID_A: u128 = 0x4c4c4544_0042_3510_8054_b7c04f4e3632;
const UUID_B: u128 = 0x4c4c4544_0042_3510_8054_b7c04f4e3699;

/// `uuid`, board serial, last octets of MACs, disk serials.
fn machine(uuid: Option<u128>, board: Option<&str>, macs: &[u8], disks: &[&str]) -> Identity {
    Identity {
        uuid: uuid.map(Uuid::from_u128),
        board_serial: board.map(str::to_owned),
        macs: macs
            .iter()
            .map(|last| MacAddr([0x52, 0x54, 0, 0, 0, *last]))
            .collect(),
        disks: disks
            .iter()
            .map(|serial| DiskIdentity {
                serial: Some((*serial).to_owned()),
                size: ByteLen(1 << 30),
                ..DiskIdentity::default()
            })
            .collect(),
    }
}

fn record(number: u128, identity: Identity) -> Candidate {
    Candidate {
        id: MachineId(Uuid::from_u128(number)),
        identity,
    }
}

enum Want {
    Record(u128),
    New,
    Conflict,
}

#[test]
fn a_machine_finds_its_record_by_the_strongest_sign_that_is_not_contradicted() {
    use Want::{Conflict, New, Record};
    let one = || record(1, machine(Some(UUID_A), Some("BOARD1"), &[1], &["D1"]));
    let two = || record(2, machine(Some(UUID_B), Some("BOARD2"), &[2], &["D2"]));
    let bare = |number, mac| record(number, machine(None, None, &[mac], &[]));
    let table: Vec<(&str, Identity, Vec<Candidate>, Want)> = vec![
        (
            "nobody was here before",
            machine(Some(UUID_A), None, &[1], &[]),
            vec![],
            New,
        ),
        (
            "as it was",
            machine(Some(UUID_A), Some("BOARD1"), &[1], &["D1"]),
            vec![one()],
            Record(1),
        ),
        (
            "by UUID, with a new adapter",
            machine(Some(UUID_A), Some("BOARD1"), &[9], &["D1"]),
            vec![one()],
            Record(1),
        ),
        (
            "by UUID, with a new disk",
            machine(Some(UUID_A), Some("BOARD1"), &[1], &["D9"]),
            vec![one()],
            Record(1),
        ),
        (
            "by UUID from a USB adapter",
            machine(Some(UUID_A), Some("BOARD1"), &[], &["D1"]),
            vec![one()],
            Record(1),
        ),
        (
            "by board serial",
            machine(None, Some("BOARD1"), &[9], &["D1"]),
            vec![one(), two()],
            Record(1),
        ),
        (
            "UUID changed by a firmware update",
            machine(Some(UUID_B + 1), Some("BOARD1"), &[1], &["D1"]),
            vec![one()],
            Record(1),
        ),
        (
            "by MAC when firmware says nothing",
            machine(None, None, &[1], &["D1"]),
            vec![one(), two()],
            Record(1),
        ),
        (
            "UUID of one, board of another",
            machine(Some(UUID_A), Some("BOARD2"), &[1], &[]),
            vec![one(), two()],
            Conflict,
        ),
        (
            "adapter moved into another machine",
            machine(Some(UUID_B), Some("BOARD9"), &[1], &["D9"]),
            vec![one()],
            Conflict,
        ),
        (
            "same UUID, different board and adapters",
            machine(Some(UUID_A), Some("BOARD9"), &[9], &["D9"]),
            vec![one()],
            Conflict,
        ),
        (
            "same UUID, everything replaced",
            machine(Some(UUID_A), None, &[9], &["D9"]),
            vec![one()],
            Conflict,
        ),
        (
            "a UUID that a whole series shares says nothing, the MAC decides",
            machine(Some(UUID_A), None, &[4], &[]),
            vec![
                record(3, machine(Some(UUID_A), None, &[3], &[])),
                record(4, machine(Some(UUID_A), None, &[4], &[])),
            ],
            Record(4),
        ),
        (
            "a MAC in two records identifies nobody",
            machine(None, None, &[5], &[]),
            vec![
                record(5, machine(Some(UUID_A), None, &[5], &[])),
                record(6, machine(Some(UUID_B), None, &[5], &[])),
            ],
            New,
        ),
        (
            "of records that are the same in every sign, the oldest",
            machine(None, None, &[5], &["D5"]),
            vec![bare(6, 5), bare(5, 5)],
            Record(5),
        ),
        (
            "of records that are the same in every sign, the one with its disk",
            machine(None, None, &[5], &["D6"]),
            vec![bare(5, 5), record(6, machine(None, None, &[5], &["D6"]))],
            Record(6),
        ),
        (
            "the record that a conflict made, when it comes again",
            machine(Some(UUID_A), Some("BOARD2"), &[2], &["D2"]),
            vec![
                one(),
                two(),
                record(3, machine(Some(UUID_A), Some("BOARD2"), &[2], &["D9"])),
            ],
            Record(3),
        ),
        (
            "an adapter borrowed from another record does not outweigh the UUID",
            machine(Some(UUID_A), Some("BOARD1"), &[1, 2], &["D1"]),
            vec![one(), two()],
            Record(1),
        ),
    ];
    for (name, machine, candidates, want) in table {
        let got = identify(&machine, &candidates);
        let right = match (&got, want) {
            (Identified::Known(id), Record(number)) => *id == MachineId(Uuid::from_u128(number)),
            (Identified::New, New) | (Identified::Conflict(_), Conflict) => true,
            _ => false,
        };
        assert!(right, "{name}: {got:?}");
    }
}

#[test]
fn a_usb_adapter_is_no_sign() {
    let mut facts = MachineFacts::default();
    for (usb, mac) in [
        (true, "52:54:00:00:00:01"),
        (false, "52:54:00:00:00:02"),
        (false, "ff:ff:ff:ff:ff:ff"),
    ] {
        facts.nics.push(protocol::machine::NicFacts {
            name: "eth0".into(),
            mac: mac.parse().unwrap(),
            driver: String::new(),
            usb,
            link: true,
            booted: true,
        });
    }
    assert_eq!(Identity::of(&facts).macs, ["52:54:00:00:00:02".parse().unwrap()]);
}

#[test]
fn any_change_since_the_job_was_made_is_named() {
    let frozen = machine(Some(UUID_A), Some("BOARD1"), &[1, 2], &["D1"]);
    let disk = frozen.disks[0].clone();
    let other = machine(None, None, &[], &["D9"]).disks[0].clone();
    assert!(frozen.differences(&frozen, &disk).is_empty());
    assert!(
        frozen
            .differences(&machine(Some(UUID_A), Some("BOARD1"), &[2, 3], &["D1"]), &disk)
            .is_empty()
    );
    assert_eq!(frozen.differences(&frozen, &other), ["disk"]);
    assert_eq!(
        frozen.differences(&machine(Some(UUID_B), Some("BOARD1"), &[1], &["D1"]), &disk),
        ["UUID"]
    );
    assert_eq!(
        frozen.differences(&machine(Some(UUID_A), None, &[9], &["D1"]), &disk),
        ["board serial number", "network adapters"]
    );
    let nobody = machine(None, None, &[], &["D1"]);
    assert_eq!(nobody.differences(&nobody, &disk), ["nothing that identifies it"]);
}
