//! Accounts, teams, roles, sessions, tokens and second factors through the API.

use crate::site::{Answer, PASSWORD, Site, cookie_of};
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use catalog::{Permission, PredefinedRole, ROOT};
use serde_json::{Value, json};

impl Site {
    async fn person(&self, name: &str) -> Value {
        let account = json!({ "name": name, "full_name": "Somebody", "password": PASSWORD });
        self.post("/api/v1/people", account).await.is(201).json()
    }

    async fn enter_as(&self, name: &str, password: &str, code: Option<&str>) -> Answer {
        let body = json!({ "name": name, "password": password, "code": code });
        self.call_as(None, Method::POST, "/api/v1/sessions", Some(body))
            .await
    }

    async fn with_token(&self, token: &str, method: Method, path: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json");
        self.send_admin(request.body(Body::from("{}")).unwrap()).await
    }

    async fn give(&self, holder: Value, role: PredefinedRole) -> Value {
        let mut grant = json!({ "role": role.id(), "place": ROOT });
        grant
            .as_object_mut()
            .unwrap()
            .extend(holder.as_object().unwrap().clone());
        self.post("/api/v1/grants", grant).await.is(201).json()
    }
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

#[tokio::test]
async fn an_account_may_nothing_until_a_role_is_given_and_nothing_more_once_it_is_disabled() {
    let site = Site::new().await;
    let bob = site.person("bob").await;
    site.post("/api/v1/people", json!({ "name": "BOB", "password": PASSWORD }))
        .await
        .is_problem(409, "name-taken");
    site.post("/api/v1/people", json!({ "name": "eve", "password": "short" }))
        .await
        .is_problem(422, "unusable-value");
    let cookie = cookie_of(&site.enter_as("bob", PASSWORD, None).await.is(201));
    let get = async |path: &str| site.call_as(Some(&cookie), Method::GET, path, None).await;
    assert_eq!(
        get("/api/v1/session").await.is(200).json()["permissions"],
        json!([])
    );
    get("/api/v1/machines").await.is_problem(403, "not-allowed");
    let grant = site
        .give(json!({ "person": id(&bob) }), PredefinedRole::HelpDesk)
        .await;
    assert_eq!(
        (&grant["holder_name"], &grant["role_name"]),
        (&json!("bob"), &json!("help-desk"))
    );
    get("/api/v1/machines").await.is(200);
    get("/api/v1/people").await.is_problem(403, "not-allowed");
    let path = format!("/api/v1/people/{}", id(&bob));
    let change = json!({ "full_name": "Bob B.", "disabled": true });
    let request = Request::patch(&path)
        .header(header::HOST, "a")
        .header(header::ORIGIN, "https://a")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::COOKIE, format!("amorce_session={}", site.cookie))
        .header(header::IF_MATCH, "\"7\"");
    site.send_admin(request.body(Body::from(change.to_string())).unwrap())
        .await
        .is_problem(412, "changed-meanwhile");
    let changed = site.call(Method::PATCH, &path, Some(change)).await.is(200).json();
    assert_eq!(
        (&changed["disabled"], &changed["full_name"]),
        (&json!(true), &json!("Bob B."))
    );
    get("/api/v1/session").await.is_problem(401, "not-logged-in");
    site.enter_as("bob", PASSWORD, None)
        .await
        .is_problem(401, "wrong-name-or-password");
    let list = site.get("/api/v1/people").await.is(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert!(
        !list.to_string().contains("argon2"),
        "no hash leaves the appliance"
    );
    let own = site.get("/api/v1/grants").await.is(200).json();
    let own = own["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|grant| grant["holder_name"] == "ada")
        .unwrap();
    site.call(Method::DELETE, &format!("/api/v1/grants/{}", id(own)), None)
        .await
        .is_problem(409, "last-administrator");
    let taken = format!("/api/v1/grants/{}", id(&grant));
    site.call(Method::DELETE, &taken, None).await.is(204);
    site.call(Method::DELETE, &taken, None)
        .await
        .is_problem(404, "not-found");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_and_a_new_password_ends_the_others() {
    let site = Site::new().await;
    let other = site.log_in().await;
    let list = site.get("/api/v1/sessions").await.is(200).json();
    let sessions = list["items"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    assert!(
        !list.to_string().contains(&other),
        "a list of sessions opens none"
    );
    let theirs = sessions
        .iter()
        .find(|session| session["current"] == false)
        .unwrap();
    assert_eq!(theirs["peer"], "192.0.2.77");
    let path = format!("/api/v1/sessions/{}", id(theirs));
    site.call(Method::DELETE, &path, None).await.is(204);
    let as_other = async |cookie: &str| {
        site.call_as(Some(cookie), Method::GET, "/api/v1/session", None)
            .await
    };
    as_other(&other).await.is_problem(401, "not-logged-in");
    let other = site.log_in().await;
    let change = |old: &str| json!({ "old": old, "new": "another horse battery" });
    site.call(Method::PUT, "/api/v1/session/password", Some(change("guess")))
        .await
        .is_problem(403, "wrong-password");
    site.call(Method::PUT, "/api/v1/session/password", Some(change(PASSWORD)))
        .await
        .is(204);
    as_other(&other).await.is_problem(401, "not-logged-in");
    site.get("/api/v1/session").await.is(200);
    site.enter_as("ada", PASSWORD, None)
        .await
        .is_problem(401, "wrong-name-or-password");
    let bob = site.person("bob").await;
    let cookie = cookie_of(&site.enter_as("bob", PASSWORD, None).await.is(201));
    let reset = json!({ "password": "yet another battery" });
    let path = format!("/api/v1/people/{}/password", id(&bob));
    site.call(Method::PUT, &path, Some(reset)).await.is(204);
    as_other(&cookie).await.is_problem(401, "not-logged-in");
    site.enter_as("bob", "yet another battery", None).await.is(201);
    let path = format!("/api/v1/people/{}/sessions", id(&bob));
    let open = site.get(&path).await.is(200).json();
    assert_eq!(open["items"].as_array().unwrap().len(), 1);
    let one = format!("{path}/{}", id(&open["items"][0]));
    site.call(Method::DELETE, &one, None).await.is(204);
    site.call(Method::DELETE, &path, None).await.is(204);
}

#[tokio::test]
async fn teams_and_own_roles_give_what_they_hold_and_nothing_else() {
    let site = Site::new().await;
    let bob = site.person("bob").await;
    let cookie = cookie_of(&site.enter_as("bob", PASSWORD, None).await.is(201));
    let role = json!({ "name": "watchers", "permissions": ["machine.read", "job.read"] });
    let role = site.post("/api/v1/roles", role).await.is(201).json();
    let team = json!({ "name": "night", "members": [id(&bob)] });
    let team = site.post("/api/v1/teams", team).await.is(201).json();
    let grant = json!({ "team": id(&team), "role": id(&role), "place": ROOT });
    site.post("/api/v1/grants", grant).await.is(201);
    let get = async |path: &str| site.call_as(Some(&cookie), Method::GET, path, None).await;
    assert_eq!(
        get("/api/v1/session").await.json()["permissions_everywhere"],
        json!(["machine.read", "job.read"])
    );
    get("/api/v1/places").await.is_problem(403, "not-allowed");
    let path = format!("/api/v1/roles/{}", id(&role));
    let more = json!({ "name": "watchers", "permissions": ["place.read"] });
    let changed = site.call(Method::PUT, &path, Some(more)).await.is(200).json();
    assert_eq!(
        (&changed["revision"], &changed["holders"]),
        (&json!(2), &json!(1))
    );
    get("/api/v1/places").await.is(200);
    get("/api/v1/machines").await.is_problem(403, "not-allowed");
    site.call(Method::DELETE, &path, None)
        .await
        .is_problem(409, "role-in-use");
    for nonsense in [json!(["rocket.launch"]), json!([""]), json!("machine.read")] {
        let role = json!({ "name": "nonsense", "permissions": nonsense });
        site.post("/api/v1/roles", role)
            .await
            .is_problem(422, "unusable-value");
    }
    let predefined = format!("/api/v1/roles/{}", PredefinedRole::HelpDesk.id());
    let change = json!({ "name": "help-desk", "permissions": ["setting.edit"] });
    site.call(Method::PUT, &predefined, Some(change))
        .await
        .is_problem(409, "role-is-predefined");
    let both = json!({ "team": id(&team), "person": id(&bob), "role": id(&role), "place": ROOT });
    site.post("/api/v1/grants", both)
        .await
        .is_problem(422, "unusable-value");
    let path = format!("/api/v1/teams/{}", id(&team));
    let left = json!({ "name": "night", "members": [] });
    site.call(Method::PUT, &path, Some(left)).await.is(200);
    get("/api/v1/places").await.is_problem(403, "not-allowed");
    site.call(Method::DELETE, &path, None).await.is(204);
    site.call(Method::DELETE, &format!("/api/v1/roles/{}", id(&role)), None)
        .await
        .is(204);
    let roles = site.get("/api/v1/roles").await.is(200).json();
    assert_eq!(
        roles["items"].as_array().unwrap().len(),
        PredefinedRole::ALL.len()
    );
    let all = site.get("/api/v1/permissions").await.is(200).json();
    assert_eq!(all["items"].as_array().unwrap().len(), Permission::ALL.len());
}

#[tokio::test]
async fn a_token_is_shown_once_needs_no_origin_and_may_no_more_than_it_says() {
    let site = Site::new().await;
    let wish = json!({
        "name": "nightly", "permissions": ["machine.read", "setting.read"], "place": ROOT,
        "expires_at": "2023-12-01T00:00:00Z",
    });
    let made = site
        .post("/api/v1/session/tokens", wish.clone())
        .await
        .is(201)
        .json();
    let secret = made["secret"].as_str().unwrap();
    let call = async |method: Method, path: &str| site.with_token(secret, method, path).await;
    call(Method::GET, "/api/v1/machines").await.is(200);
    assert_eq!(
        call(Method::GET, "/api/v1/session").await.is(200).json()["name"],
        "ada"
    );
    call(Method::GET, "/api/v1/jobs")
        .await
        .is_problem(403, "not-allowed");
    call(Method::PUT, "/api/v1/settings")
        .await
        .is_problem(403, "not-allowed");
    for (method, path) in [
        (Method::GET, "/api/v1/session/tokens"),
        (Method::POST, "/api/v1/session/tokens"),
        (Method::PUT, "/api/v1/session/password"),
        (Method::DELETE, "/api/v1/session"),
        (Method::GET, "/api/v1/sessions"),
    ] {
        call(method, path).await.is_problem(403, "not-allowed");
    }
    site.with_token("amorce_invented", Method::GET, "/api/v1/machines")
        .await
        .is_problem(401, "not-logged-in");
    site.with_token(&site.cookie, Method::GET, "/api/v1/machines")
        .await
        .is_problem(401, "not-logged-in");
    let list = site.get("/api/v1/tokens").await.is(200).json();
    assert_eq!(
        list["items"][0],
        site.get("/api/v1/session/tokens").await.json()["items"][0]
    );
    assert!(!list.to_string().contains(secret));
    let late = json!({ "expires_at": "2030-01-01T00:00:00Z" });
    let mut late_wish = wish.clone();
    late_wish
        .as_object_mut()
        .unwrap()
        .extend(late.as_object().unwrap().clone());
    site.post("/api/v1/session/tokens", late_wish)
        .await
        .is_problem(422, "unusable-value");
    let path = format!("/api/v1/session/tokens/{}", id(&made["token"]));
    site.call(Method::DELETE, &path, None).await.is(204);
    call(Method::GET, "/api/v1/machines")
        .await
        .is_problem(401, "not-logged-in");
}

#[tokio::test]
async fn a_second_factor_is_asked_for_at_the_door_and_an_administrator_can_take_it_away() {
    let site = Site::new().await;
    let bob = site.person("bob").await;
    let cookie = cookie_of(&site.enter_as("bob", PASSWORD, None).await.is(201));
    let call = async |method: Method, path: &str, body: Value| {
        site.call_as(
            Some(&cookie),
            method,
            &format!("/api/v1/session/{path}"),
            Some(body),
        )
        .await
    };
    call(Method::PUT, "second-factor", json!({ "code": "123456" }))
        .await
        .is_problem(409, "no-second-factor");
    let offer = call(Method::POST, "second-factor", json!({ "password": PASSWORD }))
        .await
        .is(201)
        .json();
    assert!(
        offer["address"]
            .as_str()
            .unwrap()
            .starts_with("otpauth://totp/Amorce:bob?secret=")
    );
    call(Method::PUT, "second-factor", json!({ "code": "x" }))
        .await
        .is_problem(401, "wrong-code");
    let secret = base32(offer["secret"].as_str().unwrap());
    let code = catalog::code_at(&secret, site.control.catalog().now());
    let confirmed = call(Method::PUT, "second-factor", json!({ "code": code }))
        .await
        .is(200)
        .json();
    let recovery = confirmed["codes"][0].as_str().unwrap();
    site.enter_as("bob", PASSWORD, None)
        .await
        .is_problem(401, "code-needed");
    site.enter_as("bob", PASSWORD, Some("000000"))
        .await
        .is_problem(401, "wrong-code");
    site.enter_as("bob", PASSWORD, Some(recovery)).await.is(201);
    let path = format!("/api/v1/people/{}/second-factor", id(&bob));
    site.call(Method::DELETE, &path, None).await.is(204);
    site.enter_as("bob", PASSWORD, None).await.is(201);
}

fn base32(text: &str) -> Vec<u8> {
    let digit = |c: u8| {
        u32::from(if c.is_ascii_uppercase() {
            c - b'A'
        } else {
            c - b'2' + 26
        })
    };
    let bits: Vec<u32> = text
        .bytes()
        .flat_map(|c| (0..5).rev().map(move |bit| digit(c) >> bit & 1))
        .collect();
    let byte = |bits: &[u32]| bits.iter().fold(0, |byte, bit| byte << 1 | *bit) as u8;
    bits.chunks_exact(8).map(byte).collect()
}
