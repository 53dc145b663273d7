//! What the technician asked for by keys, heard at any time.

use crate::screen::{self, Key, Keys, Typed, TypedLine, words};
use protocol::menu::Keyboard;
use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// How often waiting looks up.
const LOOK: Duration = Duration::from_millis(100);

/// The keys pressed since the agent began.
#[derive(Clone, Debug)]
pub struct Attention {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    retry: AtomicBool,
    local_boot: AtomicBool,
    any: AtomicBool,
    pressed: Notify,
    /// What is typed, while somebody is asked for a line.
    typed: Mutex<Option<Vec<Read>>>,
}

/// What one read of a console brought, and whether it is a serial line.
type Read = (Vec<u8>, bool);

impl Attention {
    /// Listens on a thread of its own. Without one the machine works, but no key does.
    #[must_use]
    pub fn listen() -> Self {
        let attention = Self {
            shared: Arc::default(),
        };
        let listening = attention.clone();
        let thread = std::thread::Builder::new()
            .name("keys".into())
            .spawn(move || listening.attend());
        if let Err(error) = thread {
            screen::log(&format!("keys: {error}"));
        }
        attention
    }

    fn attend(&self) {
        let mut keys = Keys::open();
        loop {
            let Some(bytes) = keys.wait(Duration::from_secs(3600)) else {
                continue;
            };
            let is_serial = keys.is_serial();
            if let Some(typed) = self.typed().as_mut() {
                typed.push((bytes, is_serial));
                continue;
            }
            let key = Key::of(&bytes);
            self.shared.any.store(true, Ordering::Relaxed);
            match key {
                Key::Retry => self.shared.retry.store(true, Ordering::Relaxed),
                Key::LocalBoot => self.shared.local_boot.store(true, Ordering::Relaxed),
                Key::Shell => {
                    if screen::shell(&keys.console) {
                        keys = Keys::open();
                    } else {
                        screen::say(words().no_shell);
                    }
                }
                Key::Other => {}
            }
            self.shared.pressed.notify_waiters();
        }
    }

    /// Asks for a line of which nothing is shown. `None`: Esc, or nobody typed anything for so long.
    #[must_use]
    pub fn read_line(&self, keyboard: Keyboard, patience: Duration) -> Option<String> {
        *self.typed() = Some(Vec::new());
        let mut line = TypedLine::default();
        let mut last = Instant::now();
        let outcome = 'asking: loop {
            let typed = self.typed().as_mut().map(std::mem::take).unwrap_or_default();
            for (bytes, is_serial) in typed {
                last = Instant::now();
                match line.take(&bytes, (!is_serial).then_some(keyboard)) {
                    Typed::Going => {}
                    Typed::Line(line) => break 'asking Some(line),
                    Typed::Left => break 'asking None,
                }
            }
            if last.elapsed() > patience {
                break None;
            }
            std::thread::sleep(LOOK);
        };
        *self.typed() = None;
        outcome
    }

    fn typed(&self) -> MutexGuard<'_, Option<Vec<Read>>> {
        self.shared.typed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody pressed any key since the agent began: then the machine stays.
    #[must_use]
    pub fn was_pressed(&self) -> bool {
        self.shared.any.load(Ordering::Relaxed)
    }

    /// Whether somebody asked to try again; asking answers it.
    #[must_use]
    pub fn wants_retry(&self) -> bool {
        self.shared.retry.swap(false, Ordering::Relaxed)
    }

    /// Whether somebody asked for the machine's own disk.
    #[must_use]
    pub fn wants_local_boot(&self) -> bool {
        self.shared.local_boot.load(Ordering::Relaxed)
    }

    /// Waits until somebody asks to try again or for the disk, at most this long.
    pub fn wait_for_retry(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline && !self.wants_local_boot() && !self.wants_retry() {
            std::thread::sleep(LOOK);
        }
    }

    /// A call, or `None` if somebody presses a key meanwhile.
    pub async fn unless_pressed<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let pressed = self.shared.pressed.notified();
        tokio::select! {
            result = call => Some(result),
            () = pressed => None,
        }
    }

    /// A call, or `None` as soon as nobody wants to wait for it any more. What can be answered at once is.
    pub async fn unless<T>(call: impl Future<Output = T>, gives_up: impl Fn() -> bool) -> Option<T> {
        let given_up = async {
            loop {
                tokio::time::sleep(LOOK).await;
                if gives_up() {
                    return;
                }
            }
        };
        tokio::select! {
            biased;
            result = call => Some(result),
            () = given_up => None,
        }
    }

    /// A call, or `None` if somebody asks for the machine's own disk meanwhile.
    pub async fn unless_local_boot<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let asked = async {
            loop {
                let pressed = self.shared.pressed.notified();
                if self.wants_local_boot() {
                    return;
                }
                pressed.await;
            }
        };
        tokio::select! {
            result = call => Some(result),
            () = asked => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_waited_for_until_nobody_wants_to_any_more() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let wait = |call: bool, gives_up: bool| {
            runtime.block_on(async {
                let never = std::future::pending::<u8>();
                match call {
                    true => Attention::unless(async { 7 }, || gives_up).await,
                    false => Attention::unless(never, || gives_up).await,
                }
            })
        };
        assert_eq!(wait(false, true), None);
        assert_eq!(wait(true, true), Some(7), "what is answered at once counts");
        assert_eq!(wait(true, false), Some(7));
    }
}
