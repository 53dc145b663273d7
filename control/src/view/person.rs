//! People and their sessions.

use super::Language;
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
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The person.
    pub user: Uuid,
    /// Their name.
    pub name: String,
    /// What they may do, as `object.verb`.
    pub permissions: Vec<String>,
    /// The site's language.
    pub language: Language,
    /// When the session ends if nothing happens.
    #[schema(format = DateTime)]
    pub expires_at: String,
}
