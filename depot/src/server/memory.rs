//! A bounded memory of what was read from the store lately.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// Remembers the last so many values by their keys; the one not asked for longest goes first.
pub(super) struct Memory<K, V> {
    most: usize,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    values: HashMap<K, Arc<V>>,
    /// Keys, the one asked for last at the end.
    order: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V> Memory<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            state: Mutex::new(State {
                values: HashMap::new(),
                order: VecDeque::new(),
            }),
        }
    }

    /// The value of a key, read if it is not remembered. Two callers may both read it; that is harmless.
    pub(super) fn get_or_insert<E>(&self, key: K, read: impl FnOnce() -> Result<V, E>) -> Result<Arc<V>, E> {
        if let Some(value) = self.get(&key) {
            return Ok(value);
        }
        let value = Arc::new(read()?);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.values.insert(key.clone(), value.clone()).is_none() {
            state.order.push_back(key);
        }
        if state.order.len() > self.most
            && let Some(oldest) = state.order.pop_front()
        {
            state.values.remove(&oldest);
        }
        Ok(value)
    }

    fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let value = state.values.get(key)?.clone();
        if let Some(place) = state.order.iter().position(|other| other == key) {
            state.order.remove(place);
            state.order.push_back(key.clone());
        }
        Some(value)
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.values.clear();
        state.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recall(memory: &Memory<u32, u32>, key: u32) -> bool {
        let mut remembered = true;
        let value = memory.get_or_insert(key, || {
            remembered = false;
            Ok::<_, ()>(key * 10)
        });
        assert_eq!(*value.unwrap(), key * 10);
        remembered
    }

    #[test]
    fn what_was_not_asked_for_longest_is_forgotten_first() {
        let memory = Memory::new(2);
        assert!(!recall(&memory, 1) && !recall(&memory, 2));
        assert!(recall(&memory, 1));
        assert!(!recall(&memory, 3), "takes the place of 2");
        assert!(recall(&memory, 1) && recall(&memory, 3));
        assert!(!recall(&memory, 2));
        memory.clear();
        assert!(!recall(&memory, 2));
    }

    #[test]
    fn a_failure_is_not_remembered() {
        let memory: Memory<u32, u32> = Memory::new(2);
        assert!(memory.get_or_insert(1, || Err(())).is_err());
        assert!(!recall(&memory, 1));
    }
}
