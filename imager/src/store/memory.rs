//! A storage for tests: it forgets what was not committed, and its power can be cut at any operation.

use super::folder::lock;
use crate::{
    error::{Error, ErrorKind, Result},
    exchange::PackStorage,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// Objects in memory. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct ForgetfulStorage(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    durable: BTreeMap<String, Vec<u8>>,
    /// What happened since the last commit, in order.
    volatile: Vec<Change>,
    operations: u64,
    /// After this many changing operations the power is off.
    power_until: Option<u64>,
    /// Bytes that still fit.
    room: Option<u64>,
}

#[derive(Clone)]
enum Change {
    Put(String, Vec<u8>),
    Append(String, Vec<u8>),
    Seal(String, String),
    Truncate(String, u64),
    Delete(String),
}

impl ForgetfulStorage {
    /// The power goes off after this many more changes.
    pub(crate) fn cut_power_after(&self, operations: u64) {
        let mut state = lock(&self.0);
        state.power_until = Some(state.operations + operations);
    }

    /// No more than this many bytes can be put or appended from now on.
    pub(crate) fn leave_room(&self, bytes: Option<u64>) {
        lock(&self.0).room = bytes;
    }

    pub(crate) fn operations(&self) -> u64 {
        lock(&self.0).operations
    }

    /// What a disk shows after the power came back: everything committed, and of the rest any part. `choose(n)` answers
    /// with a number below `n`.
    pub(crate) fn after_power_cut(&self, mut choose: impl FnMut(usize) -> usize) -> Self {
        let state = lock(&self.0);
        let mut objects = state.durable.clone();
        for change in &state.volatile {
            match change {
                // A name appears whole or not at all; so the contract says.
                Change::Put(name, bytes) => {
                    if choose(2) == 0 {
                        objects.insert(name.clone(), bytes.clone());
                    }
                }
                Change::Append(name, bytes) => {
                    if choose(3) > 0 {
                        let object = objects.entry(name.clone()).or_default();
                        let kept = choose(bytes.len() + 1);
                        object.extend_from_slice(&bytes[..kept]);
                        // The length may be there before the bytes.
                        if choose(2) == 0 {
                            object.resize(object.len() + bytes.len() - kept, 0);
                        }
                    }
                }
                Change::Seal(from, to) => {
                    // The bytes are synced before the name changes.
                    if let Some(bytes) = state.objects.get(to) {
                        objects.insert(
                            if choose(2) == 0 { to.clone() } else { from.clone() },
                            bytes.clone(),
                        );
                        if objects.contains_key(to) {
                            objects.remove(from);
                        }
                    }
                }
                Change::Truncate(name, len) => {
                    if let (0, Some(bytes)) = (choose(2), objects.get_mut(name)) {
                        bytes.truncate(usize::try_from(*len).unwrap());
                    }
                }
                Change::Delete(name) => {
                    if choose(2) == 0 {
                        objects.remove(name);
                    }
                }
            }
        }
        Self(Arc::new(Mutex::new(State {
            durable: objects.clone(),
            objects,
            ..State::default()
        })))
    }

    /// Changes one byte of an object.
    pub(crate) fn damage(&self, name: &str, position: usize) {
        let mut state = lock(&self.0);
        let state = &mut *state;
        state.objects.get_mut(name).unwrap()[position] ^= 0x40;
        state.durable = state.objects.clone();
    }

    /// Loses an object.
    pub(crate) fn lose(&self, name: &str) {
        lock(&self.0).objects.remove(name).unwrap();
    }

    fn change(&self, change: Change, bytes: usize) -> Result<std::sync::MutexGuard<'_, State>> {
        let mut state = lock(&self.0);
        if state.power_until.is_some_and(|until| state.operations >= until) {
            return Err(Error::new(ErrorKind::Io, "the power is off"));
        }
        if let Some(room) = &mut state.room {
            let Some(left) = room.checked_sub(bytes as u64) else {
                return Err(Error::new(ErrorKind::Full, "no room is left"));
            };
            *room = left;
        }
        state.operations += 1;
        state.volatile.push(change);
        Ok(state)
    }
}

impl PackStorage for ForgetfulStorage {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        if let Some(there) = lock(&self.0).objects.get(name) {
            return if there == bytes {
                Ok(())
            } else {
                Err(Error::new(ErrorKind::Exists, format!("{name} is there")))
            };
        }
        let mut state = self.change(Change::Put(name.to_owned(), bytes.to_vec()), bytes.len())?;
        state.objects.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let state = lock(&self.0);
        let bytes = state
            .objects
            .get(name)
            .ok_or_else(|| Error::new(ErrorKind::Missing, format!("there is no {name}")))?;
        let start = usize::try_from(offset).unwrap();
        bytes
            .get(start..start.saturating_add(len))
            .map(<[u8]>::to_vec)
            .ok_or_else(|| Error::new(ErrorKind::Damaged, format!("{name} is cut off")))
    }

    fn len(&self, name: &str) -> Result<Option<u64>> {
        Ok(lock(&self.0).objects.get(name).map(|bytes| bytes.len() as u64))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(lock(&self.0)
            .objects
            .keys()
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect())
    }

    fn delete(&self, name: &str) -> Result<()> {
        let mut state = self.change(Change::Delete(name.to_owned()), 0)?;
        state.objects.remove(name);
        Ok(())
    }

    fn commit(&self) -> Result<()> {
        let mut state = lock(&self.0);
        if state.power_until.is_some_and(|until| state.operations >= until) {
            return Err(Error::new(ErrorKind::Io, "the power is off"));
        }
        state.operations += 1;
        state.durable = state.objects.clone();
        state.volatile.clear();
        Ok(())
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut state = self.change(Change::Append(name.to_owned(), bytes.to_vec()), bytes.len())?;
        state
            .objects
            .entry(name.to_owned())
            .or_default()
            .extend_from_slice(bytes);
        Ok(())
    }

    fn seal(&self, unfinished: &str, name: &str) -> Result<()> {
        let mut state = self.change(Change::Seal(unfinished.to_owned(), name.to_owned()), 0)?;
        let bytes = state
            .objects
            .remove(unfinished)
            .ok_or_else(|| Error::new(ErrorKind::Missing, format!("there is no {unfinished}")))?;
        state.objects.insert(name.to_owned(), bytes);
        Ok(())
    }

    fn truncate(&self, unfinished: &str, len: u64) -> Result<()> {
        let mut state = self.change(Change::Truncate(unfinished.to_owned(), len), 0)?;
        if let Some(bytes) = state.objects.get_mut(unfinished) {
            bytes.truncate(usize::try_from(len).unwrap());
        }
        Ok(())
    }
}
