//! What the machine's firmware keeps. `init` is a program and no library; its reader stands alone and is taken as it is.

use crate::load_option::LoadOption;

/// A boot entry of a firmware. What is understood is written again as it was understood.
pub fn load_option(data: &[u8]) {
    if let Some(option) = LoadOption::decode(data)
        && let Some(again) = option.encode()
    {
        assert_eq!(LoadOption::decode(&again), Some(option));
    }
}
