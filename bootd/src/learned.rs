//! What DHCP packets told about machines, for the protocols that do not tell it: TFTP shows only an address.
//!
//! A memory of bounded size; the oldest is forgotten. It only fills the transcript and sharpens [`BootFacts`]: nothing
//! is allowed or refused by it.

use protocol::{
    MacAddr,
    boot::{BootFacts, ClientArchitecture},
};
use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    net::Ipv4Addr,
    sync::{Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

const CAPACITY: usize = 4096;

/// What was learned, shared by all services.
#[derive(Debug, Default)]
pub(crate) struct Learned(Mutex<Memories>);

#[derive(Debug, Default)]
struct Memories {
    machines: Bounded<MacAddr, (Option<Uuid>, Option<ClientArchitecture>)>,
    addresses: Bounded<Ipv4Addr, MacAddr>,
}

impl Learned {
    /// Remembers what a boot ROM said of itself.
    pub(crate) fn machine(&self, facts: &BootFacts) {
        self.lock()
            .machines
            .insert(facts.mac, (facts.uuid, facts.architecture));
    }

    /// Remembers whose address this is.
    pub(crate) fn address(&self, address: Ipv4Addr, mac: MacAddr) {
        self.lock().addresses.insert(address, mac);
    }

    /// Whose address this is.
    pub(crate) fn mac_of(&self, address: Ipv4Addr) -> Option<MacAddr> {
        self.lock().addresses.entries.get(&address).copied()
    }

    /// What is known of a machine that asks by a protocol that shows only its MAC.
    pub(crate) fn facts(&self, mac: MacAddr, server: Ipv4Addr) -> BootFacts {
        let (uuid, architecture) = self
            .lock()
            .machines
            .entries
            .get(&mac)
            .copied()
            .unwrap_or_default();
        BootFacts {
            mac,
            uuid,
            architecture,
            server,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Memories> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Bounded<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K: Copy + Eq + Hash, V> Bounded<K, V> {
    fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key, value).is_none() {
            self.order.push_back(key);
            if self.order.len() > CAPACITY
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_strangers_is_forgotten_again() {
        let learned = Learned::default();
        for number in 0..10_000u32 {
            learned.address(Ipv4Addr::from(number), MacAddr([2, 0, 0, 0, 0, 1]));
        }
        assert_eq!(learned.lock().addresses.entries.len(), CAPACITY);
        assert_eq!(learned.mac_of(Ipv4Addr::from(0)), None);
        assert!(learned.mac_of(Ipv4Addr::from(9_999)).is_some());
    }
}
