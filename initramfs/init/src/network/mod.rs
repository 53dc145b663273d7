//! The network: every Ethernet adapter is brought up and asks for an address; the agent uses the first way to the
//! appliance, and goes on when a cable is pulled and put back.

mod adapter;
mod interface;
mod lease_keeper;

pub use adapter::{Adapter, list_adapters};

use crate::screen;
use protocol::{MacAddr, dhcp::Lease};
use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often we look for adapters that have appeared.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// All adapters, each attended by a thread of its own.
#[derive(Clone, Debug)]
pub struct Network {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    states: Mutex<BTreeMap<String, State>>,
    changed: Condvar,
}

/// How far an adapter has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// No signal on the cable.
    NoCarrier,
    /// Asking for an address; since when.
    Asking(Instant),
    /// It has one.
    Bound(Lease),
    /// The kernel refuses to use it; why.
    Failed(String),
}

/// Why there is no way out of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No driver found an adapter.
    NoAdapter,
    /// Adapters, but no signal on any.
    NoCarrier,
    /// Signal, but nobody gives an address.
    NoAddress,
    /// The kernel refuses to use them.
    Failed(String),
}

impl Network {
    /// Begins to attend adapters, now and as they appear. `booted` gets the best route.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn attend(booted: Option<MacAddr>, uuid: Option<uuid::Uuid>) -> std::io::Result<Self> {
        let network = Self {
            shared: Arc::default(),
        };
        let attending = network.clone();
        if let Err(error) = interface::set_up("lo") {
            screen::log(&format!("loopback: {error}"));
        }
        std::thread::Builder::new()
            .name("adapters".into())
            .spawn(move || attending.look_for_adapters(booted, uuid))?;
        Ok(network)
    }

    /// Waits until one adapter has an address, at most this long. If none has: why.
    ///
    /// # Errors
    /// The trouble that somebody should know of.
    pub fn wait(&self, limit: Duration) -> Result<(), Trouble> {
        let deadline = Instant::now() + limit;
        let mut states = self.shared.states.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if states.values().any(|state| matches!(state, State::Bound(_))) {
                return Ok(());
            }
            let Some(left) = deadline
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())
            else {
                return Err(trouble(states.values()));
            };
            states = self
                .shared
                .changed
                .wait_timeout(states, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn look_for_adapters(&self, booted: Option<MacAddr>, uuid: Option<uuid::Uuid>) {
        let mut attended: BTreeMap<String, MacAddr> = BTreeMap::new();
        loop {
            let found = list_adapters(booted);
            attended.retain(|name, _| found.iter().any(|adapter| &adapter.name == name));
            for (place, adapter) in found.into_iter().enumerate() {
                if attended.get(&adapter.name) == Some(&adapter.mac) {
                    continue;
                }
                attended.insert(adapter.name.clone(), adapter.mac);
                let metric = if adapter.booted {
                    10
                } else {
                    100 + u16::try_from(place).unwrap_or(0)
                };
                let (network, name) = (self.clone(), adapter.name.clone());
                let keeper = lease_keeper::LeaseKeeper {
                    network,
                    adapter,
                    uuid,
                    metric,
                };
                let thread = std::thread::Builder::new().name(name.clone());
                if let Err(error) = thread.spawn(move || keeper.keep()) {
                    self.set(&name, State::Failed(error.to_string()));
                }
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn set(&self, name: &str, state: State) {
        let mut states = self.shared.states.lock().unwrap_or_else(PoisonError::into_inner);
        if states.get(name) != Some(&state) {
            states.insert(name.to_owned(), state);
            self.shared.changed.notify_all();
        }
    }

    fn forget(&self, name: &str) {
        self.shared
            .states
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        self.shared.changed.notify_all();
    }
}

fn trouble<'a>(states: impl Iterator<Item = &'a State> + Clone) -> Trouble {
    if states.clone().next().is_none() {
        return Trouble::NoAdapter;
    }
    if states.clone().any(|state| matches!(state, State::Asking(_))) {
        return Trouble::NoAddress;
    }
    let failure = states.clone().find_map(|state| match state {
        State::Failed(why) => Some(why.clone()),
        _ => None,
    });
    match failure {
        Some(why) if states.into_iter().all(|state| matches!(state, State::Failed(_))) => {
            Trouble::Failed(why)
        }
        _ => Trouble::NoCarrier,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trouble_named_is_the_one_nearest_to_an_address() {
        let asking = State::Asking(Instant::now());
        let failed = State::Failed("no memory".into());
        assert_eq!(trouble([].iter()), Trouble::NoAdapter);
        assert_eq!(trouble([State::NoCarrier, asking].iter()), Trouble::NoAddress);
        assert_eq!(
            trouble([State::NoCarrier, failed.clone()].iter()),
            Trouble::NoCarrier
        );
        assert_eq!(trouble([failed].iter()), Trouble::Failed("no memory".into()));
    }
}
