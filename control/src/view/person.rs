//! People and their sessions.

use super::Language;
use catalog::{AccountRow, SecondFactorOffer, SessionRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What the page needs to know before anybody is logged in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Setup {
    /// Nobody administers this appliance yet: the page asks for the one-time code that `amorce serve` printed.
    pub needs_first_administrator: bool,
    /// The site's language.
    pub language: Language,
}

/// The first administrator.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstAdministrator {
    /// The one-time code that `amorce serve` printed.
    pub code: String,
    /// The name to log in with: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// The password: 12 to 256 characters.
    #[schema(min_length = 12, max_length = 256)]
    pub password: String,
}

/// Who logs in.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// The code that the authenticator shows, or a recovery code, if the account has a second factor. Without it the answer
    /// is `code-needed`.
    #[serde(default)]
    pub code: Option<String>,
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The person.
    pub user: Uuid,
    /// Their name.
    pub name: String,
    /// What they may do in one place at least, as `object.verb`.
    pub permissions: Vec<String>,
    /// What they may do everywhere.
    pub permissions_everywhere: Vec<String>,
    /// Whether a code is asked for when they log in.
    pub has_second_factor: bool,
    /// The site's language.
    pub language: Language,
    /// When the session ends if nothing happens.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

/// An own new password.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password until now.
    pub old: String,
    /// The password from now on: 12 to 256 characters.
    #[schema(min_length = 12, max_length = 256)]
    pub new: String,
}

/// The password of whoever is logged in, asked for once more.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordAgain {
    /// The password.
    pub password: String,
}

/// A new password for somebody else.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// 12 to 256 characters.
    #[schema(min_length = 12, max_length = 256)]
    pub password: String,
}

/// A secret for an authenticator. It counts once a code of it was sent.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SecondFactor {
    /// In base 32, to be typed.
    pub secret: String,
    /// `otpauth://totp/…`, for a QR code.
    pub address: String,
}

/// A code of the second factor.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorCode {
    /// Six digits.
    pub code: String,
}

/// Codes for whoever lost the authenticator: each opens the door once. They are shown this once.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    /// The codes.
    pub codes: Vec<String>,
}

/// Sessions of a person, the latest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionList {
    /// The sessions.
    pub items: Vec<OpenSession>,
}

/// Somewhere somebody is logged in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenSession {
    /// Its id.
    pub id: Uuid,
    /// Whether it is the one that asks.
    pub current: bool,
    /// When it began.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Its last call, to the minute.
    #[schema(format = DateTime)]
    pub last_seen_at: String,
    /// The address where it began.
    pub peer: Option<String>,
    /// What the browser called itself.
    pub agent: Option<String>,
}

impl OpenSession {
    /// A session as whoever has the session `current` sees it.
    pub(crate) fn of(row: SessionRow, current: Uuid) -> Self {
        Self {
            id: row.id,
            current: row.id == current,
            created_at: row.created_at.to_string(),
            last_seen_at: row.last_seen_at.to_string(),
            peer: row.peer,
            agent: row.agent,
        }
    }
}

/// Everybody, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccountList {
    /// The accounts.
    pub items: Vec<Account>,
}

/// The account of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// The person's id.
    pub id: Uuid,
    /// The name to log in with. It never changes.
    pub name: String,
    /// What the person is called.
    pub full_name: String,
    /// Whether the person cannot log in.
    pub disabled: bool,
    /// Whether a code is asked for when they log in.
    pub has_second_factor: bool,
    /// The teams they are in.
    pub teams: Vec<Uuid>,
    /// When the account was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When one of their open sessions was last used, to the minute.
    #[schema(format = DateTime)]
    pub last_seen_at: Option<String>,
    /// Rises with every change; also its `ETag`.
    pub revision: i64,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            full_name: row.full_name,
            disabled: row.disabled,
            has_second_factor: row.has_second_factor,
            teams: row.teams,
            created_at: row.created_at.to_string(),
            last_seen_at: row.last_seen_at.map(|at| at.to_string()),
            revision: row.revision,
        }
    }
}

impl From<SecondFactorOffer> for SecondFactor {
    fn from(offer: SecondFactorOffer) -> Self {
        Self {
            secret: offer.secret,
            address: offer.address,
        }
    }
}

/// An account to make. It may do nothing until a role is given to it.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The name to log in with: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// What the person is called.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub full_name: String,
    /// The first password: 12 to 256 characters.
    #[schema(min_length = 12, max_length = 256)]
    pub password: String,
}

/// What changes in an account; what is not named stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// What the person is called.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub full_name: Option<String>,
    /// Whether the person cannot log in.
    #[serde(default)]
    pub disabled: Option<bool>,
}
