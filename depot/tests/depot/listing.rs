//! What an administrator sees and does.

use crate::{
    appliance::Appliance,
    master::{Master, version},
    runtime,
};
use depot::{
    server::{DepotServer, MasterVersionState, Right},
    wire::Call,
};
use imager::exchange::ManifestSource;
use protocol::MasterName;

fn name(text: &str) -> MasterName {
    text.parse().unwrap()
}

fn fill(appliance: &Appliance, runtime: &tokio::runtime::Runtime) {
    for (master, seed) in [("debian", 1), ("debian", 2), ("salle 12", 3)] {
        let right = Right::Upload { master: name(master) };
        Master::new(master, seed, 6, 3000)
            .put(&appliance.client(runtime, right))
            .unwrap();
    }
}

#[test]
fn every_version_is_listed_and_a_deleted_one_is_refused_until_it_is_taken_back() {
    let runtime = runtime();
    let appliance = Appliance::start(&runtime);
    fill(&appliance, &runtime);
    let depot = &appliance.state.depot;
    let list = |depot: &DepotServer| -> Vec<(String, u32, bool)> {
        let kept = |state| state == MasterVersionState::Kept;
        depot
            .masters()
            .unwrap()
            .into_iter()
            .map(|m| (m.name, m.version, kept(m.state)))
            .collect()
    };
    let all = |second| {
        vec![
            ("debian".to_owned(), 1, true),
            ("debian".to_owned(), 2, second),
            ("salle 12".to_owned(), 1, true),
        ]
    };
    assert_eq!(list(depot), all(true));
    assert_eq!(depot.master(&"debian".parse().unwrap()).unwrap().version, 2);
    let right = Right::Read {
        master: "debian@2".parse().unwrap(),
    };
    let segment = depot.master(&"debian@2".parse().unwrap()).unwrap().segments[0].id;
    assert!(depot.answer(&right, Call::Segment(segment), &[]).is_ok());
    depot.delete(&name("debian"), 2).unwrap();
    assert_eq!(list(depot), all(false));
    // A restore that runs goes on, and no other begins.
    assert!(depot.answer(&right, Call::Root, &[]).is_ok());
    assert!(depot.answer(&right, Call::Segment(segment), &[]).is_ok());
    let master = "debian@2".parse().unwrap();
    assert_eq!(depot.check_complete(&master).unwrap_err().status, 404);
    assert_eq!(depot.delete(&name("debian"), 2).unwrap_err().status, 404);
    depot.undelete(&name("debian"), 2).unwrap();
    assert_eq!(list(depot), all(true));
    assert_eq!(depot.check_complete(&master).unwrap(), master);
    assert_eq!(depot.check_complete(&"debian".parse().unwrap()).unwrap(), master);
    assert!(depot.answer(&right, Call::Segment(segment), &[]).is_ok());
}

#[test]
fn a_damaged_root_is_named_and_the_rest_of_the_depot_works() {
    let runtime = runtime();
    let appliance = Appliance::start(&runtime);
    fill(&appliance, &runtime);
    let depot = &appliance.state.depot;
    let object = depot.masters().unwrap()[0].object.clone();
    let path = appliance.folder.path().join("depot").join(&object);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[200] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let masters = depot.masters().unwrap();
    let damaged: Vec<_> = masters
        .iter()
        .filter(|m| matches!(m.state, MasterVersionState::Damaged { .. }))
        .collect();
    assert_eq!(
        (masters.len(), damaged.len(), &damaged[0].object),
        (3, 1, &object)
    );
    let read = |master: &str| {
        let right = Right::Read {
            master: master.parse().unwrap(),
        };
        appliance.client(&runtime, right).root(&master.parse().unwrap())
    };
    assert_eq!(version(&read("salle 12@1").unwrap()).version, Some(1));
    assert_eq!(version(&read("debian@2").unwrap()).version, Some(2));
    let error = read("debian@1").unwrap_err();
    assert!(error.to_string().contains(&object), "{error}");
}

#[test]
fn a_depot_is_made_once_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depot");
    let first = DepotServer::open(&path).unwrap();
    let key = first.public_key().to_string();
    assert_eq!(DepotServer::open(&path).err().expect("it is held").status, 503);
    drop(first);
    assert_eq!(DepotServer::open(&path).unwrap().public_key().to_string(), key);
    let file = folder.path().join("something");
    std::fs::create_dir(&file).unwrap();
    std::fs::write(file.join("else"), b"x").unwrap();
    assert_eq!(
        DepotServer::open(&file).err().expect("it is no store").status,
        409
    );
}

#[test]
fn garbage_is_collected_without_hurting_what_is_kept() {
    let runtime = runtime();
    let appliance = Appliance::start(&runtime);
    fill(&appliance, &runtime);
    let depot = &appliance.state.depot;
    depot.delete(&name("debian"), 1).unwrap();
    depot.collect_garbage().unwrap();
    assert_eq!(depot.stats().unwrap().masters, 2);
    // For a day it can be taken back.
    depot.undelete(&name("debian"), 1).unwrap();
    assert_eq!(depot.stats().unwrap().masters, 3);
    let read = Right::Read {
        master: "debian@2".parse().unwrap(),
    };
    let client = appliance.client(&runtime, read);
    let signed = client.root(&"debian@2".parse().unwrap()).unwrap();
    assert_eq!(version(&signed).version, Some(2));
}
