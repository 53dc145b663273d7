//! People: their accounts, teams and roles, what they may do where, and how they show who they are.

mod account;
mod first;
mod grant;
mod own_role;
mod password;
mod permission;
mod right;
mod role;
mod second_factor;
mod session;
mod team;
mod throttle;
mod token;

pub use account::{AccountEdit, AccountRow, AccountWish};
pub use grant::{GrantRow, GrantWish, Holder};
pub use own_role::{RoleRow, RoleWish};
pub(crate) use password::{hash_entry_password, verify_password};
pub use permission::{Permission, PermissionSet};
pub use right::Rights;
pub use role::PredefinedRole;
pub use second_factor::{SecondFactorOffer, code_at};
pub(crate) use session::forget_web_sessions;
pub use session::{LogIn, SessionRow};
pub use team::{TeamRow, TeamWish};
pub(crate) use throttle::Throttle;
pub use token::{TokenRow, TokenWish};

use crate::time::Time;
use uuid::Uuid;

/// Who does something, for the audit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Their name.
    pub name: String,
    /// Where they call from.
    pub peer: Option<String>,
}

/// What somebody shows to be taken for a person.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A session's cookie.
    Cookie(String),
    /// An API token.
    Token(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cookie(_) => "Cookie(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

/// A person who showed who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their id.
    pub id: Uuid,
    /// The name they log in with.
    pub name: String,
    /// What they may do, where.
    pub rights: Rights,
    /// Their session, or the API token that stands for them.
    pub session: Uuid,
    /// When the session ends if nothing happens, or the token ends.
    pub expires_at: Time,
    /// Whether a code is asked for when they log in.
    pub has_second_factor: bool,
}
